import type { Call } from '../../core/call.ts';
import type { Interceptor } from '../../core/interceptor.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import { ActiveTracer } from './active-tracer.ts';
import { attemptTracing, callTracing } from './client-tracing.ts';
import { FaultLog } from '../fault-log.ts';
import { Propagation } from './propagation.ts';
import { serverTracing } from './server-tracing.ts';
import { isPlumbing } from '../plumbing.ts';

/** How calls are traced. */
export interface TracingOptions {
  /**
   * `false` where strangers call: the span that an inbound call names is linked to and is not the
   * parent, its baggage does not enter, and nothing of it is passed on. So strangers choose neither
   * trace ids nor what is sampled. Default true.
   */
  readonly trustIncoming?: boolean;
  /**
   * Also writes `grpc-trace-bin` (gRFC A72), for servers that know only OpenCensus. It is always
   * read where a call brings nothing else. Default false: servers of today read `traceparent`, and
   * the header costs each call some 40 bytes.
   */
  readonly grpcTraceBin?: boolean;
  /**
   * Names of the baggage entries that may enter with a call and leave with one (W3C Baggage).
   * Default none, for baggage reaches everyone whom a call reaches.
   */
  readonly baggage?: readonly string[];
  /**
   * Trace calls of health checks and reflection, too. Those that are not traced carry no trace
   * context either, unless the caller sets it: nobody behind them has a span to hang below it.
   * Default false.
   */
  readonly healthChecks?: boolean;
}

/**
 * Traces calls with whatever OpenTelemetry SDK the process registers, before or after clients and
 * servers are made. Nothing is patched and no loader is needed.
 *
 * Spans go by OpenTelemetry's semantic conventions for RPC and gRPC in their stable version (1.45):
 * `rpc.system.name`, `rpc.method` (`package.Service/Method`, also the span's name),
 * `rpc.status_code` (a name, like `NOT_FOUND`), `error.type`, `server.address` and `server.port`,
 * `network.peer.address` and `network.peer.port`. The older `rpc.service`, `rpc.system` and
 * `rpc.grpc.status_code` are not written.
 *
 * - A call has exactly one span of kind CLIENT, and below it one of kind INTERNAL for each attempt
 *   (gRFC A72 has the same tree), named `package.Service/Method attempt`.
 * - A server has exactly one span of kind SERVER a call, below the attempt that it serves. Calls of
 *   methods that it does not have are all named `grpc`; the path is `rpc.method_original`.
 * - The handler runs in its span's context, generators included.
 * - Of its own it adds `inboard.attempts`, `inboard.attempt` (1 first), `inboard.rejected` (what of
 *   this process refused it), `inboard.messages.sent` and `.received` of streams, and events at the
 *   first message of each stream.
 *
 * Trace context goes by the registered propagator, else by W3C Trace Context. Where no SDK is
 * registered, what a call brought goes on with the calls that its handler makes: `traceparent` and
 * `grpc-trace-bin` where they are valid, `tracestate` with a valid `traceparent` where it is valid
 * itself and has at most 512 bytes. That costs some 10 ns a call and side; with an SDK registered it is the SDK's own work, 3 to 5 µs a
 * call and side where the trace is not sampled, 5 to 9 µs where it is.
 *
 * No call fails for what an SDK, a sampler, a span processor, a propagator or a context manager
 * throws: it goes on without, and the runtime's logger is told at most once a minute.
 */
export function openTelemetryTracing(options: TracingOptions = {}): Telemetry {
  const {
    trustIncoming = true,
    grpcTraceBin = false,
    baggage = [],
    healthChecks = false,
  } = options;
  const faults = new FaultLog('OpenTelemetry tracing');
  const tracer = new ActiveTracer(faults);
  const propagation = new Propagation({ baggage, grpcTraceBin, faults });
  const client = { tracer, propagation, passOn: trustIncoming, faults };
  const layer = <C extends Call>(traced: Interceptor<C>): Interceptor<C> =>
    healthChecks ? traced : withoutPlumbing(traced);
  return {
    clientCall: layer(callTracing(client)),
    clientAttempt: layer(attemptTracing(client)),
    serverCall: layer(serverTracing({ tracer, propagation, trustIncoming, faults })),
  };
}

function withoutPlumbing<C extends Call>(traced: Interceptor<C>): Interceptor<C> {
  return (next, method) => (isPlumbing(method) ? next : traced(next, method));
}
