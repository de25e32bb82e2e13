import type { ClientCall } from '../core/client-call.ts';
import { CircuitOpenError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method, Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Breaker } from '../policies/breaker.ts';
import type { FailureClassifier } from '../policies/failure.ts';
import { isFailure, isNeutral } from '../policies/failure.ts';
import type { LatencyWindow } from '../policies/latency-window.ts';

/**
 * Client layer 8, inside retries: each attempt counts, and a refusal is final. An attempt counts
 * when it is over, so that a stream that breaks is a failure too; but a probe with a streamed
 * response has succeeded once that begins, for it may go on for hours.
 *
 * The method's recent latency tells whether an expired deadline was long enough to blame a server.
 * About 100 ns an attempt, most of it two readings of the clock.
 */
export function breaker(
  breakerOf: (method: Method) => Breaker | undefined,
  latencyOf: (method: Method) => LatencyWindow | undefined,
  classifierOf: (method: Method) => FailureClassifier | undefined = () => undefined,
): Interceptor<ClientCall> {
  return (next, method) => {
    const circuit = breakerOf(method);
    if (circuit === undefined) return next;
    const judge = judgeOf(circuit, latencyOf(method), classifierOf(method) ?? isFailure);
    return (call) => {
      const startMs = call.runtime.clock.now();
      let token = circuit.tryAcquire(startMs);
      if (token === 0) return Promise.reject(refusal(method, circuit, startMs));
      // Kept, for a layer below may shorten the attempt's deadline, and means to be counted.
      const budgetMs = call.deadline - startMs;
      call.onEnd((status) => judge(token, call, status, budgetMs));
      if (!method.responseStream || circuit.state === 'closed') return next(call);
      return next(call).then((payload: Payload) => {
        circuit.onSuccess(token);
        token = 0;
        return payload;
      });
    };
  };
}

function judgeOf(
  circuit: Breaker,
  latency: LatencyWindow | undefined,
  classify: FailureClassifier,
): (token: number, call: ClientCall, status: CallStatus, budgetMs: number) => void {
  return (token, call, status, budgetMs) => {
    if (token === 0) return;
    const nowMs = call.runtime.clock.now();
    if (status.code === Status.OK) {
      circuit.onSuccess(token, nowMs);
      return;
    }
    const { cancelled } = call;
    const outcome = { status, cancelled, budgetMs, p99Ms: latency?.quantile(0.99, nowMs) };
    let failure: boolean;
    try {
      failure = classify(outcome);
    } catch (error) {
      const fields = { err: error, method: call.method.path };
      call.runtime.logger.error(fields, 'a failure classifier threw');
      circuit.onNeutral(token);
      return;
    }
    if (failure) circuit.onFailure(token, nowMs);
    else if (isNeutral(outcome)) circuit.onNeutral(token);
    else circuit.onSuccess(token, nowMs);
  };
}

function refusal({ path }: Method, circuit: Breaker, nowMs: number): CircuitOpenError {
  const nextProbeInMs = Math.max(0, circuit.nextProbeAtMs - nowMs);
  return new CircuitOpenError(path, nowMs - circuit.openedAtMs, nextProbeInMs);
}
