import type { Timer } from '../../core/clock.ts';
import type { CallRuntime } from '../../core/call-runtime.ts';
import type { Balancer, BalancerEndpoint, BalancerFactory } from '../balancer.ts';

/** How long one endpoint may keep the next from being tried, in ms (RFC 8305, A61). */
const STAGGER_MS = 250;

/** Stays with one endpoint: the first that is ready, tried in shuffled order (A62). */
export const pickFirst: BalancerFactory = (runtime): Balancer => new PickFirst(runtime);

class PickFirst implements Balancer {
  /** There is no other to go to: it changes when its endpoint is lost. */
  readonly ejects = false;
  private readonly runtime: CallRuntime;
  private endpoints: BalancerEndpoint[] = [];
  private current: BalancerEndpoint | undefined = undefined;
  private tried = 0;
  private timer: Timer | undefined = undefined;

  constructor(runtime: CallRuntime) {
    this.runtime = runtime;
  }

  update(endpoints: readonly BalancerEndpoint[]): void {
    this.endpoints = shuffle(endpoints, this.runtime.random);
    if (this.current !== undefined && endpoints.includes(this.current)) return;
    this.current = undefined;
    // Another balancer may have connected some before.
    const ready = this.endpoints.find(({ state }) => state === 'ready');
    if (ready === undefined) this.tryFromStart();
    else this.settleOn(ready);
  }

  stateChanged(endpoint: BalancerEndpoint): void {
    if (endpoint.state === 'ready') {
      if (this.current === undefined) this.settleOn(endpoint);
      else if (endpoint !== this.current) endpoint.disconnect();
    } else if (endpoint === this.current) {
      this.current = undefined;
      // The others first: the one that was lost is dialled again later.
      this.endpoints = [...this.endpoints.filter((other) => other !== endpoint), endpoint];
      this.tryFromStart();
    } else if (endpoint.state === 'backoff' || endpoint.state === 'unhealthy') {
      this.tryNext();
    }
  }

  pick<E extends BalancerEndpoint>(available: readonly E[]): E | undefined {
    return available.find((endpoint) => endpoint === this.current);
  }

  close(): void {
    this.timer?.clear();
  }

  private settleOn(endpoint: BalancerEndpoint): void {
    this.current = endpoint;
    this.timer?.clear();
    for (const other of this.endpoints) if (other !== endpoint) other.disconnect();
  }

  private tryFromStart(): void {
    this.tried = 0;
    this.tryNext();
  }

  private tryNext(): void {
    this.timer?.clear();
    const endpoint = this.endpoints[this.tried];
    if (endpoint === undefined || this.current !== undefined) return;
    this.tried++;
    const { clock } = this.runtime;
    this.timer = clock.setTimer(clock.now() + STAGGER_MS, () => this.tryNext());
    endpoint.connect();
  }
}

function shuffle<T>(list: readonly T[], random: () => number): T[] {
  const shuffled = [...list];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}
