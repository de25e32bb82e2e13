import type { Method } from '../../core/method.ts';
import type { ClientMeter } from './client-meter.ts';
import { CODES, isOfSuccessRate } from './codes.ts';
import type { FamilyOptions, FamilyType, SeriesSink } from './family.ts';
import { addHistogram } from './family.ts';
import type { Histogram } from './histogram.ts';
import type { LabelCache, MethodLabels } from './labels.ts';
import type { MethodMeter } from './method-meter.ts';
import type { ServerMeter } from './server-meter.ts';

type Meters<M> = ReadonlyMap<string, M>;

/** By path. */
export interface CountedMethods<M> {
  readonly bound: ReadonlyMap<string, Method>;
  /** Of those that were called. */
  readonly meters: Meters<M>;
}

/** Of a method that nobody has called. */
const NONE = new Float64Array(CODES);

/** What the calls of each method came to. */
export function methodFamilies(
  servers: CountedMethods<ServerMeter>,
  clients: CountedMethods<ClientMeter>,
  labels: LabelCache,
): readonly FamilyOptions[] {
  return [
    ...sideFamilies('server', servers, labels, {
      received: (meter) => meter.requestMessages,
      sent: (meter) => meter.responseMessages,
    }),
    ...sideFamilies('client', clients, labels, {
      received: (meter) => meter.responseMessages,
      sent: (meter) => meter.requestMessages,
    }),
    perMethod(servers.meters, labels, {
      name: 'inboard_server_shed_total',
      help: 'Calls that a limit of the server itself refused with RESOURCE_EXHAUSTED.',
      type: 'counter',
      valueOf: (meter) => meter.shed,
    }),
    histograms('inboard_server_deadline_remaining_seconds', servers.meters, labels, {
      help: 'Time that calls had left when they arrived; calls without a deadline are left out.',
      histogramOf: (meter) => meter.deadlines,
    }),
    {
      name: 'inboard_client_rejected_total',
      help: 'Calls that this process refused to make, by who refused them.',
      type: 'counter',
      collect: (series) => {
        for (const { method, rejected } of clients.meters.values()) {
          const own = labels.of(method);
          for (const [reason, count] of rejected) series.add(own.with('reason', reason), count);
        }
      },
    },
  ];
}

/** Names and meanings as go-grpc-prometheus has them, whose counters begin with zeros, too. */
function sideFamilies<M extends MethodMeter<never>>(
  side: 'client' | 'server',
  { bound, meters }: CountedMethods<M>,
  labels: LabelCache,
  messages: { readonly received: (meter: M) => number; readonly sent: (meter: M) => number },
): readonly FamilyOptions[] {
  const on = `on the ${side}`;
  const counter = (name: string, help: string, valueOf: (meter: M) => number): FamilyOptions => ({
    name,
    help,
    type: 'counter',
    collect: (series) => {
      for (const [path, method] of bound) {
        const meter = meters.get(path);
        series.add(labels.of(method).full, meter === undefined ? 0 : valueOf(meter));
      }
    },
  });
  return [
    counter(`grpc_${side}_started_total`, `RPCs started ${on}.`, (meter) => meter.started),
    {
      name: `grpc_${side}_handled_total`,
      help: `RPCs completed ${on}, whatever they came to, by status code.`,
      type: 'counter',
      collect: (series) => {
        for (const [path, method] of bound) {
          addCodes(series, labels.of(method), meters.get(path)?.codes ?? NONE);
        }
      },
    },
    counter(
      `grpc_${side}_msg_received_total`,
      `Messages of RPCs received ${on}.`,
      messages.received,
    ),
    counter(`grpc_${side}_msg_sent_total`, `Messages of RPCs sent ${on}.`, messages.sent),
    histograms(`grpc_${side}_handling_seconds`, meters, labels, {
      help: `Time that RPCs took ${on} until they were over.`,
      histogramOf: (meter) => meter.durations,
    }),
    perMethod(meters, labels, {
      name: `inboard_${side}_in_flight`,
      help: `Calls that are not over, ${on}.`,
      type: 'gauge',
      valueOf: (meter) => meter.inFlight,
    }),
  ];
}

/**
 * Success and what counts as a failure have series from the start, as the other counters have:
 * `increase()` and `rate()` do not see the first step of a series that begins with it.
 */
function addCodes(series: SeriesSink, labels: MethodLabels, codes: Float64Array): void {
  for (const [code, count] of codes.entries()) {
    if (count > 0 || isOfSuccessRate(code)) series.add(labels.code(code), count);
  }
}

/** One series a method, of service and method. */
function perMethod<M extends MethodMeter<never>>(
  meters: Meters<M>,
  labels: LabelCache,
  options: {
    readonly name: string;
    readonly help: string;
    readonly type: FamilyType;
    readonly valueOf: (meter: M) => number;
  },
): FamilyOptions {
  const { name, help, type, valueOf } = options;
  return {
    name,
    help,
    type,
    collect: (series) => {
      for (const meter of meters.values()) {
        series.add(labels.of(meter.method).short, valueOf(meter));
      }
    },
  };
}

function histograms<M extends MethodMeter<never>>(
  name: string,
  meters: Meters<M>,
  labels: LabelCache,
  options: { readonly help: string; readonly histogramOf: (meter: M) => Histogram },
): FamilyOptions {
  const { help, histogramOf } = options;
  return {
    name,
    help,
    type: 'histogram',
    collect: (series) => {
      for (const meter of meters.values()) {
        addHistogram(series, labels.of(meter.method), histogramOf(meter));
      }
    },
  };
}
