import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { ConsoleState } from '../../src/telemetry/console/console-state.ts';

/** A console's stream of states, at a test's hand. */
export interface ConsoleFixture extends AsyncDisposable {
  readonly url: string;
  /** Sends a state to everyone who listens, and to those who come later. */
  send(state: ConsoleState): void;
  /** Ends the streams; new ones are served. */
  drop(): void;
  /** Resolves when somebody listens. */
  listened(): Promise<void>;
}

export async function startConsole(first?: ConsoleState): Promise<ConsoleFixture> {
  let last = first;
  const streams = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    if (request.url !== '/console/events') {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(': hello\n\n');
    streams.add(response);
    response.on('close', () => streams.delete(response));
    if (last !== undefined) response.write(eventOf(last));
    server.emit('listened');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    send(state) {
      last = state;
      for (const stream of streams) stream.write(eventOf(state));
    },
    drop() {
      for (const stream of streams) stream.end();
    },
    async listened() {
      if (streams.size === 0) await once(server, 'listened');
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function eventOf(state: ConsoleState): string {
  return `event: state\r\ndata: ${JSON.stringify(state)}\r\n\r\n`;
}

/** A busy process: one of each, and names that are long or unkind. */
export function sampleState(rate: number = 12.34): ConsoleState {
  const method = {
    side: 'client',
    service: 'orders.v1.OrdersService',
    method: 'GetOrder',
    type: 'unary',
    rate,
    success: 0.9996,
    p50: 1.25,
    p95: 18,
    p99: 240,
    inFlight: 3,
    retryRate: 0.5,
    calls: 1_234,
    failures: 2,
    retries: 7,
    hedges: 0,
    codes: { OK: 1_232, UNAVAILABLE: 2 },
  } as const;
  const endpoint = {
    address: '10.0.0.1:50051',
    state: 'ready',
    ejectedForMs: null,
    ejections: 0,
    inFlight: 2,
    latencyMs: 1.5,
    weight: 1,
    picks: 900,
    successes: 12_345,
    failures: 0,
    lastError: null,
  } as const;
  return {
    at: 1_790_000_000_000,
    process: {
      name: 'orders',
      pid: 4_242,
      node: '24.21.0',
      inboard: '0.1.0',
      uptimeMs: 3_720_000,
      heapBytes: 50 * 2 ** 20,
      rssBytes: 120 * 2 ** 20,
      loopLagMs: 1.2,
      ready: true,
      invoke: false,
    },
    methods: [
      { ...method, side: 'server', method: 'Evil\u001B[2J', rate: 0, success: null, p50: null },
      method,
      { ...method, method: `A${'VeryLongName'.repeat(10)}`, rate: 1 },
    ],
    channels: [
      {
        target: 'dns:///payments:50051',
        balancer: 'peak_ewma',
        panic: true,
        retryBudget: 10,
        resolutionError: null,
        endpoints: [
          endpoint,
          { ...endpoint, address: '10.0.0.2:50051', ejectedForMs: 29_500, weight: 0.1 },
        ],
      },
    ],
    circuits: [
      {
        target: 'dns:///payments:50051',
        service: 'payments.v1.PaymentsService',
        method: 'Charge',
        state: 'open',
        calls: 40,
        failures: 39,
        timesOpened: 2,
        nextProbeInMs: 1_500,
        changes: [],
      },
    ],
    servers: [{ draining: true, inFlight: 4, connections: 2, health: {}, bulkheads: {} }],
    slow: [],
    failed: [],
  };
}
