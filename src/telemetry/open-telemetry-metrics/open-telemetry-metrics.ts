import type { MeterProvider } from '@opentelemetry/api';

import { ConfigError } from '../../core/errors.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { FaultLog } from '../fault-log.ts';
import { clientAttempts, clientCalls } from './client-measures.ts';
import { instrumentsOf } from './instruments.ts';
import { serverCalls } from './server-measures.ts';

/** Where measurements go, and what they tell. */
export interface OpenTelemetryMetricsOptions {
  /**
   * Default the global one, whenever it is registered. (A66 has a plugin without a provider do
   * nothing; whoever installs this one has asked for it.)
   */
  readonly meterProvider?: MeterProvider;
  /**
   * Whether a target is told by name, or as `other`: for targets that name addresses, of which
   * there may be many. Asked once a method of a client. Default all are.
   */
  readonly recordTarget?: (target: string) => boolean;
  /**
   * Whether a method that the server does not have is told by name, or as `other`. Clients decide
   * how many names there are: it must let few pass. Default none.
   */
  readonly recordUnknownMethod?: (method: string) => boolean;
  /** Measure retries, too: the four of A96, which gRPC itself calls experimental. Default false. */
  readonly retries?: boolean;
}

/**
 * gRPC's own OpenTelemetry metrics (gRFC A66), through the OpenTelemetry API: `grpc.client.attempt.
 * started`, `.duration` and `.sent_total_compressed_message_size`; `grpc.client.call.duration`;
 * `grpc.server.call.started`, `.duration`, `.sent_total_compressed_message_size` and
 * `.rcvd_total_compressed_message_size`; with `retries`, `grpc.client.call.retries`,
 * `.transparent_retries`, `.hedges` and `.retry_delay` (A96). Labels are `grpc.method`,
 * `grpc.target` and `grpc.status`; A66's buckets are given as advice, which views override.
 *
 * Left out: `grpc.client.attempt.rcvd_total_compressed_message_size`. grpc-js inflates responses
 * before anyone can measure them, and does not tell which it did.
 *
 * The SDK looks its attributes up at every measurement: that costs a call more than all of
 * inboard's own metrics, so that it is installed on demand only.
 *
 * No call fails for what an SDK or a function of the options throws: it goes unmeasured, or under
 * `other`, and the runtime's logger is told at most once a minute.
 */
export function openTelemetryMetrics(options: OpenTelemetryMetricsOptions = {}): Telemetry {
  const { meterProvider, recordTarget, recordUnknownMethod, retries = false } = options;
  if (meterProvider !== undefined && typeof meterProvider.getMeter !== 'function') {
    throw new ConfigError('openTelemetryMetrics.meterProvider has no method getMeter');
  }
  const instruments = instrumentsOf(meterProvider);
  const faults = new FaultLog('OpenTelemetry metrics');
  return {
    clientCall: clientCalls({ instruments, recordTarget, retries, faults }),
    clientAttempt: clientAttempts({ instruments, recordTarget, retries, faults }),
    serverCall: serverCalls({ instruments, recordUnknownMethod, faults }),
  };
}
