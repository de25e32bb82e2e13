import type { Timer } from '../../core/clock.ts';
import type { Balancer, BalancerFactory } from '../balancer.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Runtime } from '../../core/runtime.ts';

/** How long one endpoint may keep the next from being tried, in ms (RFC 8305, A61). */
const STAGGER_MS = 250;

/** Stays with one endpoint: the first that connects, tried in shuffled order (A62). */
export const pickFirst: BalancerFactory = (runtime): Balancer => new PickFirst(runtime);

class PickFirst implements Balancer {
  private readonly runtime: Runtime;
  private endpoints: Endpoint[] = [];
  private current: Endpoint | undefined = undefined;
  private tried = 0;
  private timer: Timer | undefined = undefined;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  update(endpoints: readonly Endpoint[]): void {
    this.endpoints = shuffle(endpoints, this.runtime.random);
    if (this.current !== undefined && endpoints.includes(this.current)) return;
    this.current = undefined;
    this.tried = 0;
    this.tryNext();
  }

  stateChanged(endpoint: Endpoint): void {
    if (endpoint.state === 'ready') {
      if (this.current === undefined) this.settleOn(endpoint);
      else if (endpoint !== this.current) endpoint.disconnect();
    } else if (endpoint === this.current) {
      this.current = undefined;
      this.tried = 0;
      this.tryNext();
    } else if (endpoint.state === 'backoff') {
      this.tryNext();
    }
  }

  pick(): Endpoint | undefined {
    return this.current;
  }

  close(): void {
    this.timer?.clear();
  }

  private settleOn(endpoint: Endpoint): void {
    this.current = endpoint;
    this.timer?.clear();
    for (const other of this.endpoints) if (other !== endpoint) other.disconnect();
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
