import type { Balancer, BalancerEndpoint, BalancerFactory } from '../balancer.ts';
import { cheapest } from './cheapest.ts';

/** Of two endpoints drawn at random, the one with fewer calls in flight (A48). */
export const leastRequest: BalancerFactory = ({ random }): Balancer => ({
  pick: (available) => cheapest(available, random, inFlight),
});

function inFlight(endpoint: BalancerEndpoint): number {
  return endpoint.inFlight;
}
