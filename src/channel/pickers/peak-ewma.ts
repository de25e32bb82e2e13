import type { Balancer, BalancerFactory } from '../balancer.ts';
import { cheapest } from './cheapest.ts';

/**
 * Of two endpoints drawn at random, the one where a call costs less: few calls in flight, and no
 * slower than usual (Finagle's Peak EWMA; `policies/endpoint-load.ts` says what differs).
 */
export const peakEwma: BalancerFactory = ({ random }): Balancer => ({
  pick: (available, _call, nowMs) =>
    cheapest(available, random, (endpoint) => endpoint.cost(nowMs)),
});
