import type { ClientCall } from '../core/client-call.ts';
import type { Balancer } from './balancer.ts';
import type { Endpoint } from './endpoint.ts';

/** How endpoints are left out. */
export interface AvailabilityOptions {
  readonly balancer: Balancer;
  /** Ejections are ignored where fewer of all endpoints would be left, per cent. */
  readonly panicPercent: number;
}

/**
 * Which endpoints may get calls, worked out when something changes and not at each pick. What all
 * balancers share is here: health, ejection and panic, endpoints already tried, slow start.
 */
export class Availability {
  /** Too few endpoints would be left: ejected ones get calls, too. */
  panic = false;
  private readonly random: () => number;
  private balancer: Balancer | undefined = undefined;
  /** Ready, and not ejected unless there is panic. */
  private available: readonly Endpoint[] = [];
  /** Of these, the ones that get their whole share. */
  private warm: readonly Endpoint[] = [];
  /** Until then some endpoint starts slowly. */
  private coldUntilMs = Number.NEGATIVE_INFINITY;

  constructor(random: () => number) {
    this.random = random;
  }

  /** Something changed: a list, a state, an ejection, a slow start, the policy. */
  refresh(endpoints: readonly Endpoint[], options: AvailabilityOptions, nowMs: number): void {
    const { balancer, panicPercent } = options;
    this.balancer = balancer;
    const ready = endpoints.filter(({ state }) => state === 'ready');
    const kept = ready.filter(({ outlier }) => outlier.ejectedUntilMs === undefined);
    const ignores = balancer.ejects === false;
    this.panic =
      !ignores && kept.length < ready.length && kept.length * 100 < endpoints.length * panicPercent;
    this.available = this.panic || ignores ? ready : kept;
    this.warm = this.available.filter(({ slowStart }) => slowStart.endMs <= nowMs);
    this.coldUntilMs = Math.max(
      Number.NEGATIVE_INFINITY,
      ...this.available.map(({ slowStart }) => slowStart.endMs),
    );
  }

  /** An endpoint that says it is not serving, for a call that would fail otherwise. */
  lastResort(
    endpoints: readonly Endpoint[],
    call: ClientCall,
    nowMs: number,
  ): Endpoint | undefined {
    const unhealthy = endpoints.filter(({ state }) => state === 'unhealthy');
    return unhealthy.length === 0 ? undefined : this.balancer?.pick(unhealthy, call, nowMs);
  }

  /** Where a call goes; undefined where it is to wait. */
  pick(call: ClientCall, nowMs: number): Endpoint | undefined {
    const { balancer, available } = this;
    if (balancer === undefined || available.length === 0) return undefined;
    const { avoid } = call;
    const candidates = avoid === undefined ? available : without(available, avoid);
    const picked = balancer.pick(candidates, call, nowMs);
    if (nowMs >= this.coldUntilMs || picked === undefined) return picked;
    return this.warmer(picked, call, nowMs);
  }

  /** An endpoint that starts slowly leaves the rest of its share to those that are warm. */
  private warmer(picked: Endpoint, call: ClientCall, nowMs: number): Endpoint | undefined {
    const { avoid } = call;
    if (this.random() < picked.slowStart.share(nowMs)) return picked;
    const warm = avoid === undefined ? this.warm : this.warm.filter(({ name }) => !avoid.has(name));
    return warm.length === 0 ? picked : this.balancer?.pick(warm, call, nowMs);
  }
}

/** The others, where there are any. */
function without(endpoints: readonly Endpoint[], avoid: ReadonlySet<string>): readonly Endpoint[] {
  const others = endpoints.filter(({ name }) => !avoid.has(name));
  return others.length === 0 ? endpoints : others;
}
