import type {
  CallRow,
  ChannelRow,
  CircuitRow,
  ConsoleState,
  EndpointRow,
  MethodRow,
} from '../../../src/telemetry/console/console-state.ts';

/** Wall clock of the first state. */
export const START = Date.UTC(2026, 0, 15, 3, 0, 0);

/** The same numbers for the same seed, from 0 to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A method; what is not given is of one that is fine. */
export function methodRow(given: Partial<MethodRow> & { readonly method: string }): MethodRow {
  const rate = given.rate ?? 20;
  const success = given.success === undefined ? 1 : given.success;
  const calls = given.calls ?? Math.round(rate * 600);
  const failures = given.failures ?? Math.round(calls * (1 - (success ?? 1)));
  return {
    side: 'client',
    service: 'shop.orders.v1.OrderService',
    type: 'unary',
    rate,
    success,
    p50: 3.2,
    p95: 9.6,
    p99: 21,
    inFlight: 1,
    retryRate: 0,
    calls,
    failures,
    retries: 0,
    hedges: 0,
    codes: failures === 0 ? { OK: calls } : { OK: calls - failures, UNAVAILABLE: failures },
    ...given,
  };
}

export function endpointRow(address: string, given: Partial<EndpointRow> = {}): EndpointRow {
  return {
    address,
    state: 'ready',
    ejectedForMs: null,
    ejections: 0,
    inFlight: 2,
    latencyMs: 4.1,
    weight: 1,
    picks: 6_000,
    successes: 5_990,
    failures: 10,
    lastError: null,
    ...given,
  };
}

export function callRow(given: Partial<CallRow> & { readonly method: string }): CallRow {
  return {
    side: 'client',
    service: 'shop.payments.v1.PaymentService',
    agoMs: 2_400,
    durationMs: 250,
    code: 'UNAVAILABLE',
    details: 'connection refused by 10.0.3.7:50051 while the call was on its way',
    attempts: 3,
    peer: '10.0.3.7:50051',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    ...given,
  };
}

const quiet: ConsoleState = {
  at: START,
  process: {
    name: 'orders',
    pid: 4242,
    node: 'v24.21.0',
    inboard: '0.1.0',
    uptimeMs: 11_520_000,
    heapBytes: 84e6,
    rssBytes: 171e6,
    loopLagMs: 11.4,
    ready: true,
    invoke: false,
  },
  methods: [],
  channels: [],
  circuits: [],
  servers: [],
  slow: [],
  failed: [],
};

/** A state that is quiet but for what is given. */
export function stateOf(
  given: Partial<Omit<ConsoleState, 'process'>> & {
    readonly process?: Partial<ConsoleState['process']>;
  } = {},
): ConsoleState {
  return { ...quiet, ...given, process: { ...quiet.process, ...given.process } };
}

const PAY = 'shop.payments.v1.PaymentService';
const STOCK = 'shop.inventory.v1.InventoryService';

/** A shop at second `tick`, in which the payments are in trouble from second 30 on. */
export function shopState(tick: number, invoke = true): ConsoleState {
  const random = seeded(tick + 1);
  const bad = tick >= 30;
  const wave = 1 + 0.25 * Math.sin(tick / 6) + 0.15 * random();
  /** Counts up to now of one whose rate waves, so that their changes wave, too. */
  const total = (rate: number): number =>
    Math.round(rate * (600 + tick + 1.5 * Math.sin(tick / 6) + 0.2 * random()));
  const of = (method: string, rate: number, given: Partial<MethodRow> = {}): MethodRow =>
    methodRow({
      method,
      rate: rate * wave,
      calls: total(rate),
      failures: 0,
      p50: 2 + random(),
      ...given,
    });
  const since = Math.max(0, tick - 30);
  const failures = Math.round(since * 12 + (bad ? 3 * random() : 0));
  const methods = [
    of('Charge', 31, {
      service: PAY,
      success: bad ? 0.612 : 1,
      p50: 8.4,
      p95: 214,
      p99: 1_003 + 20 * random(),
      inFlight: 9,
      retryRate: bad ? 14.2 : 0,
      failures,
      retries: since * 14,
      hedges: 40,
      codes: { OK: total(31) - failures, UNAVAILABLE: failures, DEADLINE_EXCEEDED: since },
    }),
    of('Refund', 2, { service: PAY, success: bad ? 0.994 : 1, failures: Math.round(since / 6) }),
    of('Reserve', 44, { service: STOCK, p99: 38 + 4 * random(), inFlight: 3 }),
    of('WatchStock', 0.4, { service: STOCK, type: 'server_stream', inFlight: 12, p99: null }),
    of('GetItem', 118, { service: STOCK, p50: 0.62, p95: 1.9, p99: 4.4 }),
    of('PlaceOrder', 33, {
      side: 'server',
      success: bad ? 0.948 : 1,
      p50: 14,
      p95: 260,
      p99: 1_120,
      inFlight: 17,
      failures: Math.round(since * 1.7),
    }),
    of('GetOrder', 96, { side: 'server', p50: 1.1, p95: 3.8, p99: 12 }),
    of('ListOrders', 12, { side: 'server', type: 'server_stream', p95: 31, p99: 64 }),
    of('TrackOrder', 3, { side: 'server', type: 'bidi_stream', inFlight: 58 }),
    methodRow({
      side: 'server',
      service: 'grpc.health.v1.Health',
      method: 'Check',
      rate: 0.2,
      p50: 0.3,
      p95: 0.4,
      p99: 0.5,
    }),
    methodRow({
      method: 'ImportOrders',
      side: 'server',
      rate: 0,
      success: null,
      p50: null,
      p95: null,
      p99: null,
      inFlight: 0,
      calls: 12,
    }),
  ];
  return {
    ...quiet,
    at: START + tick * 1000,
    process: {
      ...quiet.process,
      invoke,
      uptimeMs: quiet.process.uptimeMs + tick * 1000,
      heapBytes: 84e6 + ((tick * 1.3e6) % 30e6),
      loopLagMs: 10.6 + 6 * random(),
    },
    methods,
    channels: shopChannels(tick, bad),
    circuits: shopCircuits(tick, bad),
    servers: [
      {
        draining: false,
        inFlight: 77,
        connections: 14,
        health: { '': 'SERVING', 'shop.orders.v1.OrderService': 'SERVING' },
        bulkheads: { 'shop.orders.v1.OrderService/ListOrders': { inUse: 6, queued: bad ? 2 : 0 } },
      },
    ],
    slow: shopSlow(tick),
    failed: bad ? shopFailed(tick) : [],
  };
}

function shopChannels(tick: number, bad: boolean): ChannelRow[] {
  const left = 30 - ((tick - 30) % 30);
  const error = 'UNAVAILABLE: connection reset by peer (ECONNRESET) after 12 of 40 bytes';
  return [
    {
      target: 'dns:///payments.shop.svc.cluster.local:50051',
      balancer: 'least_request',
      panic: false,
      retryBudget: bad ? 3.4 : 100,
      resolutionError: null,
      endpoints: [
        endpointRow('10.0.3.5:50051', { inFlight: 4, latencyMs: 8.8, picks: 9_000 + tick * 15 }),
        endpointRow('10.0.3.6:50051', {
          inFlight: 3,
          latencyMs: 9.3,
          weight: 0.4,
          picks: 400 + tick * 9,
        }),
        endpointRow('10.0.3.7:50051', {
          ejectedForMs: bad ? left * 1000 : null,
          ejections: bad ? 3 : 0,
          inFlight: bad ? 0 : 2,
          latencyMs: bad ? 212 : 9,
          failures: bad ? 371 : 4,
          lastError: bad ? error : null,
        }),
      ],
    },
    {
      target: 'dns:///inventory:50051',
      balancer: 'least_request',
      panic: false,
      retryBudget: 100,
      resolutionError: null,
      endpoints: [
        endpointRow('10.0.4.10:50051', { picks: 7_000 + tick * 80 }),
        endpointRow('10.0.4.11:50051', { picks: 7_100 + tick * 81, inFlight: 1 }),
        endpointRow('10.0.4.12:50051', {
          state: bad ? 'backoff' : 'ready',
          lastError: bad ? 'no connection to 10.0.4.12:50051: ECONNREFUSED' : null,
        }),
      ],
    },
  ];
}

function shopCircuits(tick: number, bad: boolean): CircuitRow[] {
  const circuit = (service: string, method: string, given: Partial<CircuitRow>): CircuitRow => ({
    target: 'dns:///payments.shop.svc.cluster.local:50051',
    service,
    method,
    state: 'closed',
    calls: 240,
    failures: 0,
    timesOpened: 0,
    nextProbeInMs: null,
    changes: [],
    ...given,
  });
  const ago = (seconds: number): number => seconds * 1000;
  return [
    circuit(STOCK, 'Reserve', { target: 'dns:///inventory:50051' }),
    circuit(STOCK, 'GetItem', { target: 'dns:///inventory:50051' }),
    circuit(PAY, 'Refund', {
      state: bad ? 'half_open' : 'closed',
      calls: 0,
      timesOpened: 1,
      changes: bad
        ? [
            { state: 'open', agoMs: ago(22) },
            { state: 'half_open', agoMs: ago(3) },
          ]
        : [],
    }),
    circuit(PAY, 'Charge', {
      state: bad ? 'open' : 'closed',
      calls: 0,
      timesOpened: 3,
      nextProbeInMs: bad ? 8_000 - ((tick - 30) % 8) * 1000 : null,
      changes: bad
        ? [
            { state: 'open', agoMs: ago(215) },
            { state: 'half_open', agoMs: ago(188) },
            { state: 'closed', agoMs: ago(180) },
            { state: 'open', agoMs: ago(44) },
            { state: 'half_open', agoMs: ago(20) },
            { state: 'open', agoMs: ago(15) },
          ]
        : [],
    }),
  ];
}

function shopSlow(tick: number): CallRow[] {
  const given: [method: string, ms: number, traceId: string][] = [
    ['PlaceOrder', 2_215, '0af7651916cd43dd8448eb211c80319c'],
    ['PlaceOrder', 1_604, '9c1d7f3a0b5e4c2f8d6a1e3b5c7d9f01'],
    ['ListOrders', 990, 'e3b0c44298fc1c149afbf4c8996fb924'],
    ['GetOrder', 411, 'b94d27b9934d3e08a52e52d7da7dabfa'],
  ];
  return given.map(([method, durationMs, traceId], i) =>
    callRow({
      side: 'server',
      service: 'shop.orders.v1.OrderService',
      method,
      durationMs,
      traceId,
      code: 'OK',
      details: '',
      attempts: 1,
      peer: `10.0.9.${20 + i}:53144`,
      agoMs: (i * 9 + 4 + (tick % 5)) * 1000,
    }),
  );
}

function shopFailed(tick: number): CallRow[] {
  const details = [
    'circuit open: calls of Charge fail at once until a probe succeeds',
    'connection reset by peer (ECONNRESET) after 12 of 40 bytes',
    'deadline exceeded after 250 ms',
  ];
  const codes = ['UNAVAILABLE', 'UNAVAILABLE', 'DEADLINE_EXCEEDED'];
  return Array.from({ length: 14 }, (_, i) =>
    callRow({
      method: i % 4 === 3 ? 'PlaceOrder' : 'Charge',
      side: i % 4 === 3 ? 'server' : 'client',
      service: i % 4 === 3 ? 'shop.orders.v1.OrderService' : PAY,
      code: codes[i % 3] ?? 'UNKNOWN',
      details: details[i % 3] ?? '',
      attempts: i % 3 === 1 ? 3 : 1,
      durationMs: [0.4, 31, 250][i % 3] ?? 1,
      agoMs: (i * 2 + (tick % 2)) * 1000,
      traceId: `${(0x4bf92f35 + i * 7_919).toString(16)}77b34da6a3ce929d0e0e4736`,
    }),
  );
}

/** 300 methods, 200 endpoints, 100 circuits; all numbers change with every tick. */
export function largeState(tick: number): ConsoleState {
  const random = seeded(tick + 7);
  const own = seeded(3);
  const methods = Array.from({ length: 300 }, (_, i) => {
    // Each has its own size, around which it moves a little.
    const size = own();
    const rate = 1 + size * (800 + 100 * random());
    const failing = i % 17 === 0 ? size * (0.18 + 0.02 * random()) : 0;
    return methodRow({
      method: `Method${i}`,
      service: `company.area${i % 12}.v1.Service${i % 30}`,
      side: i % 3 === 0 ? 'server' : 'client',
      rate,
      success: 1 - failing,
      p50: size * (18 + 2 * random()),
      p95: size * (180 + 20 * random()),
      p99: size * (1_800 + 200 * random()),
      inFlight: Math.floor(random() * 40),
      retryRate: random() * 3,
      calls: Math.floor(900 * (tick + random())),
      failures: Math.floor(20 * (tick + random())),
    });
  });
  const channels = Array.from({ length: 10 }, (_, c) => ({
    target: `dns:///service-${c}.company.svc.cluster.local:50051`,
    balancer: 'least_request',
    panic: false,
    retryBudget: 100,
    resolutionError: null,
    endpoints: Array.from({ length: 20 }, (__, e) =>
      endpointRow(`10.${c}.0.${e}:50051`, {
        inFlight: Math.floor(random() * 30),
        latencyMs: random() * 50,
        picks: Math.floor(200 * (tick + random())),
        ejectedForMs: e === 3 ? 1_000 + random() * 30_000 : null,
      }),
    ),
  }));
  const circuits = methods.slice(0, 100).map(
    ({ service, method }, i): CircuitRow => ({
      target: 'dns:///service-0',
      service,
      method,
      state: i % 20 === 0 ? 'open' : 'closed',
      calls: Math.floor(random() * 500),
      failures: Math.floor(random() * 20),
      timesOpened: i % 20 === 0 ? 1 : 0,
      nextProbeInMs: i % 20 === 0 ? 5_000 : null,
      changes: i % 20 === 0 ? [{ state: 'open', agoMs: 40_000 }] : [],
    }),
  );
  const calls = Array.from({ length: 50 }, (_, i) =>
    callRow({ method: `Method${i}`, agoMs: i * 500, durationMs: random() * 3_000 }),
  );
  return stateOf({
    at: START + tick * 1000,
    methods,
    channels,
    circuits,
    slow: calls,
    failed: calls,
  });
}
