import type { Counter, Histogram, Meter, MeterProvider } from '@opentelemetry/api';
import { metrics, ValueType } from '@opentelemetry/api';

import { VERSION } from '../../core/version.ts';

/** Bucket boundaries of A66, in seconds. */
const LATENCY_BOUNDARIES = [
  0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
  0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25,
  0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100,
];

/** Bucket boundaries of A66, in bytes. */
const SIZE_BOUNDARIES = [
  0, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
  268_435_456, 1_073_741_824, 4_294_967_296,
];

/** Bucket boundaries of A96, in attempts. */
const RETRY_BOUNDARIES = [1, 2, 3, 4, 5];
const TRANSPARENT_BOUNDARIES = [...RETRY_BOUNDARIES, 10];

/** Every instrument, of one meter. Names, units and buckets are those of gRFC A66 and A96. */
export class Instruments {
  readonly client: ClientInstruments;
  readonly server: ServerInstruments;
  readonly retries: RetryInstruments;

  constructor(meter: Meter) {
    this.client = clientInstruments(meter);
    this.server = serverInstruments(meter);
    this.retries = retryInstruments(meter);
  }
}

/** The instruments of the provider that there is now: the global one may come late, or change. */
export function instrumentsOf(given: MeterProvider | undefined): () => Instruments {
  let from: MeterProvider | undefined;
  let instruments: Instruments | undefined;
  return () => {
    const provider = given ?? metrics.getMeterProvider();
    if (instruments === undefined || provider !== from) {
      instruments = new Instruments(provider.getMeter('inboard', VERSION));
      // Last: one that throws is asked again, and does not get the instruments of another.
      from = provider;
    }
    return instruments;
  };
}

export interface ClientInstruments {
  readonly attemptStarted: Counter;
  readonly attemptDuration: Histogram;
  readonly attemptSent: Histogram;
  readonly callDuration: Histogram;
}

function clientInstruments(meter: Meter): ClientInstruments {
  return {
    attemptStarted: meter.createCounter('grpc.client.attempt.started', {
      description: 'RPC attempts started, those included that are not over',
      unit: '{attempt}',
      valueType: ValueType.INT,
    }),
    attemptDuration: latency(
      meter,
      'grpc.client.attempt.duration',
      'Time that an RPC attempt took, the choice of an endpoint included',
    ),
    attemptSent: size(
      meter,
      'grpc.client.attempt.sent_total_compressed_message_size',
      'Bytes of all request messages that an RPC attempt sent, without metadata and framing',
    ),
    callDuration: latency(
      meter,
      'grpc.client.call.duration',
      'Time that an RPC took from the point of view of the application',
    ),
  };
}

export interface ServerInstruments {
  readonly started: Counter;
  readonly duration: Histogram;
  readonly sent: Histogram;
  readonly received: Histogram;
}

function serverInstruments(meter: Meter): ServerInstruments {
  return {
    started: meter.createCounter('grpc.server.call.started', {
      description: 'RPCs started, those included that are not over',
      unit: '{call}',
      valueType: ValueType.INT,
    }),
    duration: latency(
      meter,
      'grpc.server.call.duration',
      'Time that an RPC took from its headers to its status',
    ),
    sent: size(
      meter,
      'grpc.server.call.sent_total_compressed_message_size',
      'Bytes of all response messages of an RPC, without metadata and framing',
    ),
    received: size(
      meter,
      'grpc.server.call.rcvd_total_compressed_message_size',
      'Bytes of all request messages of an RPC that were read, without metadata and framing',
    ),
  };
}

export interface RetryInstruments {
  readonly retries: Histogram;
  readonly transparentRetries: Histogram;
  readonly hedges: Histogram;
  readonly delay: Histogram;
}

function retryInstruments(meter: Meter): RetryInstruments {
  const count = (name: string, unit: string, boundaries: number[]): Histogram =>
    meter.createHistogram(`grpc.client.call.${name}`, {
      description: `How many ${name.replace('_', ' ')} an RPC made, where it made any`,
      unit,
      valueType: ValueType.INT,
      advice: { explicitBucketBoundaries: boundaries },
    });
  return {
    retries: count('retries', '{retry}', RETRY_BOUNDARIES),
    transparentRetries: count('transparent_retries', '{transparent_retry}', TRANSPARENT_BOUNDARIES),
    hedges: count('hedges', '{hedge}', RETRY_BOUNDARIES),
    delay: latency(
      meter,
      'grpc.client.call.retry_delay',
      'Time between the attempts of an RPC in which none was under way',
    ),
  };
}

function latency(meter: Meter, name: string, description: string): Histogram {
  const advice = { explicitBucketBoundaries: LATENCY_BOUNDARIES };
  return meter.createHistogram(name, { description, unit: 's', advice });
}

function size(meter: Meter, name: string, description: string): Histogram {
  const advice = { explicitBucketBoundaries: SIZE_BOUNDARIES };
  return meter.createHistogram(name, {
    description,
    unit: 'By',
    valueType: ValueType.INT,
    advice,
  });
}
