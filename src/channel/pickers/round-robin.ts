import type { Balancer, BalancerFactory } from '../balancer.ts';
import type { Endpoint } from '../endpoint.ts';

/** Connects to every endpoint and takes the ready ones in turn. */
export const roundRobin: BalancerFactory = (runtime): Balancer => {
  let endpoints: readonly Endpoint[] = [];
  let ready: readonly Endpoint[] = [];
  // Clients that start together must not all begin with the same endpoint.
  let turn = Math.floor(runtime.random() * 1_000);
  const refresh = (): void => {
    ready = endpoints.filter((endpoint) => endpoint.state === 'ready');
  };
  return {
    update(list) {
      endpoints = list;
      refresh();
      for (const endpoint of list) endpoint.connect();
    },
    stateChanged: refresh,
    pick() {
      turn = (turn + 1) % 0x3fffffff;
      return ready[turn % ready.length];
    },
    close() {},
  };
};
