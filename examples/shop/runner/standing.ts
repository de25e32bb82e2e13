import {
  type BreakerState,
  type Channel,
  type ChannelSnapshot,
  clientSnapshot,
  type EndpointSnapshot,
  type MethodSnapshot,
} from '../../../src/index.ts';
import { shortNameOf } from './meter.ts';
import type { Tone } from './protocol.ts';
import { methodOf, type Report } from './report.ts';

/** How the clients of a process stand at one moment. */
export interface Standing {
  /** By method, as in `inventory.GetStock`. */
  readonly methods: ReadonlyMap<string, MethodStanding>;
  /** By address. */
  readonly endpoints: ReadonlyMap<string, EndpointSnapshot>;
}

export interface MethodStanding {
  /** Undefined where the method has no breaker. */
  readonly breaker: BreakerState | undefined;
  /** What the policy says, over the contract: it may run twice. */
  readonly idempotent: boolean;
}

export interface Change {
  readonly text: string;
  readonly tone: Tone;
}

/**
 * Asks the clients and channels of a process what they know: `clientSnapshot(client)` and
 * `channel.snapshot()`. What they count since they were made becomes what they counted since the
 * last look.
 */
export class Lookout {
  private readonly clients: object[] = [];
  private readonly channels: Channel[] = [];
  private before = new Map<string, MethodSnapshot>();
  private picked = new Map<string, EndpointSnapshot>();

  watch(client: object, channel: Channel): void {
    this.clients.push(client);
    this.channels.push(channel);
  }

  /** Adds what happened since the last look to `report`; tells how things stand, and what changed. */
  look(report: Report): { readonly standing: Standing; readonly changes: readonly Change[] } {
    const methods = this.clients.flatMap((client) => [...clientSnapshot(client)]);
    const channels = this.channels.map((channel) => channel.snapshot());
    const changes = methods.flatMap((method) => this.countMethod(report, method));
    for (const channel of channels) this.countPicks(report, channel);
    const standing: Standing = {
      methods: new Map(
        methods.map(({ path, breaker, policy }) => [
          shortNameOf(path),
          { breaker: breaker?.state, idempotent: policy.idempotent },
        ]),
      ),
      endpoints: new Map(
        channels.flatMap(({ endpoints }) => endpoints.map((each) => [each.address, each])),
      ),
    };
    return { standing, changes };
  }

  private countMethod(report: Report, now: MethodSnapshot): Change[] {
    const before = this.before.get(now.path);
    this.before.set(now.path, now);
    const name = shortNameOf(now.path);
    const counted = methodOf(report, name);
    counted.retries += retriesOf(now) - (before === undefined ? 0 : retriesOf(before));
    counted.hedges += now.counters.hedges - (before?.counters.hedges ?? 0);
    counted.overBudget += now.counters.overBudget - (before?.counters.overBudget ?? 0);
    const opened = (now.breaker?.timesOpened ?? 0) - (before?.breaker?.timesOpened ?? 0);
    // A policy that turns a breaker off and on again makes a new one.
    report.breakersOpened += Math.max(0, opened);
    const [was, is] = [before?.breaker?.state ?? 'closed', now.breaker?.state ?? 'closed'];
    if (was === is) return [];
    return [{ text: `breaker of ${name}: ${is.replace('_', '-')}`, tone: toneOf(is) }];
  }

  private countPicks(report: Report, { endpoints }: ChannelSnapshot): void {
    for (const endpoint of endpoints) {
      const { address, picks, ejections } = endpoint;
      const before = this.picked.get(address);
      this.picked.set(address, endpoint);
      const more = picks - (before?.picks ?? 0);
      report.picks.set(address, (report.picks.get(address) ?? 0) + more);
      report.ejections += ejections - (before?.ejections ?? 0);
    }
  }
}

/** Attempts after the first that were no hedges; also those of calls that no server had seen. */
function retriesOf({ counters }: MethodSnapshot): number {
  const { calls, attempts, hedges } = counters;
  return attempts - calls - hedges;
}

function toneOf(state: BreakerState): Tone {
  if (state === 'half_open') return 'plain';
  return state === 'open' ? 'bad' : 'good';
}
