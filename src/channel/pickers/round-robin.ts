import type { Balancer, BalancerFactory } from '../balancer.ts';

/** Takes the endpoints in turn. */
export const roundRobin: BalancerFactory = ({ random }): Balancer => {
  // Clients that start together must not all begin with the same endpoint.
  let turn = Math.floor(random() * 1_000);
  return {
    pick(available) {
      turn = (turn + 1) % 0x3fffffff;
      return available[turn % available.length];
    },
  };
};
