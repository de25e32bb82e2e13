import type { ClientCall } from '../core/client-call.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Endpoint } from './endpoint.ts';

/** Decides which endpoints are connected and which one a call goes to. */
export interface Balancer {
  /** The list changed; endpoints that stay are the same objects. */
  update(endpoints: readonly Endpoint[]): void;
  stateChanged(endpoint: Endpoint): void;
  /** An endpoint that is ready, or undefined when there is none. Must not wait. */
  pick(call: ClientCall): Endpoint | undefined;
  close(): void;
}

export type BalancerFactory = (runtime: Runtime) => Balancer;
