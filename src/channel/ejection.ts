import type { Timer } from '../core/clock.ts';
import type { CallRuntime } from '../core/call-runtime.ts';
import type { Ejection, OutlierHost } from '../policies/outlier.ts';
import { OutlierDetector } from '../policies/outlier.ts';
import type { EjectionPolicy } from '../policies/policy.ts';
import type { Endpoint } from './endpoint.ts';

/** What ejection needs from its channel. */
export interface EjectionHost {
  readonly target: string;
  /** Somebody was ejected, or is back. */
  ejectionsChanged(): void;
  /** An endpoint is back after an ejection. */
  readmitted(endpoint: Endpoint): void;
}

/** Ejects a channel's endpoints and lets them back in: the detector with its timer and its log. */
export class Ejections {
  /** How many there were so far. */
  total = 0;
  private readonly host: EjectionHost;
  private readonly runtime: CallRuntime;
  private detector: OutlierDetector | undefined = undefined;
  private byHost = new Map<OutlierHost, Endpoint>();
  private timer: Timer | undefined = undefined;

  constructor(host: EjectionHost, runtime: CallRuntime) {
    this.host = host;
    this.runtime = runtime;
  }

  /** Another policy; undefined ejects nobody, and lets all back in. */
  configure(policy: EjectionPolicy | undefined): void {
    const { clock, random } = this.runtime;
    const nowMs = clock.now();
    if (policy === undefined) {
      const ejected = [...this.byHost.keys()].filter((host) => host.ejectedUntilMs !== undefined);
      for (const host of ejected) this.detector?.readmit(host, nowMs);
      this.back(ejected);
      this.close();
    } else if (this.detector === undefined) {
      this.detector = new OutlierDetector(policy, nowMs, random);
      for (const host of this.byHost.keys()) this.detector.hosts.add(host);
    } else {
      this.detector.configure(policy, nowMs);
    }
  }

  /** The list changed. */
  update(endpoints: readonly Endpoint[]): void {
    this.byHost = new Map(endpoints.map((endpoint) => [endpoint.outlier, endpoint]));
    const { detector } = this;
    if (detector === undefined) return;
    for (const host of detector.hosts) if (!this.byHost.has(host)) detector.hosts.delete(host);
    for (const host of this.byHost.keys()) detector.hosts.add(host);
    this.arm();
  }

  succeeded(endpoint: Endpoint, nowMs: number): void {
    const { detector } = this;
    if (detector === undefined) return;
    detector.succeeded(endpoint.outlier);
    if (detector.isDue(nowMs)) this.eject(detector.compare(nowMs));
  }

  failed(endpoint: Endpoint, nowMs: number): void {
    const { detector } = this;
    if (detector === undefined) return;
    const ejection = detector.failed(endpoint.outlier, nowMs);
    if (ejection !== undefined) this.eject([ejection]);
    if (detector.isDue(nowMs)) this.eject(detector.compare(nowMs));
  }

  /** Ejects nobody any more: what calls in flight come to counts nowhere. */
  close(): void {
    this.timer?.clear();
    this.detector = undefined;
  }

  private eject(ejections: readonly Ejection[]): void {
    if (ejections.length === 0) return;
    this.total += ejections.length;
    const { target } = this.host;
    for (const { host, reason, forMs } of ejections) {
      const fields = { target, endpoint: host.name, reason, forMs: Math.round(forMs) };
      this.runtime.logger.warn(fields, 'an endpoint is ejected');
    }
    this.arm();
    this.host.ejectionsChanged();
  }

  /** One timer for all: it waits for the first that comes back. */
  private arm(): void {
    this.timer?.clear();
    const atMs = this.detector?.nextReturnMs;
    if (atMs === undefined) return;
    this.timer = this.runtime.clock.setTimer(atMs, () => {
      const nowMs = this.runtime.clock.now();
      const returned = this.detector?.returns(nowMs) ?? [];
      this.arm();
      this.back(returned);
    });
  }

  private back(hosts: readonly OutlierHost[]): void {
    const { target } = this.host;
    for (const host of hosts) {
      const endpoint = this.byHost.get(host);
      if (endpoint !== undefined) this.host.readmitted(endpoint);
      const fields = { target, endpoint: host.name, ejections: host.ejections };
      this.runtime.logger.info(fields, 'an ejected endpoint is back');
    }
    if (hosts.length > 0) this.host.ejectionsChanged();
  }
}
