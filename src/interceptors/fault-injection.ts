import type { Call } from '../core/call.ts';
import { RpcError } from '../core/errors.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import { ServerCall, StatusError } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import { abortStatus, checkFaults, strike } from '../policies/faults.ts';
import type { FaultPolicy } from '../policies/policy.ts';

/**
 * Client layer 10, below everything that it is meant to exercise; server layer 10, right above the
 * handler. Delays calls, ends them with a status, or both. Off where no faults are given.
 */
export function faultInjection<C extends Call>(
  faultsOf: (method: Method) => readonly FaultPolicy[] | undefined,
): Interceptor<C> {
  return (next, method) => {
    const faults = faultsOf(method);
    if (faults === undefined || faults.length === 0) return next;
    checkFaults('faults', faults);
    return (call) => {
      const fault = strike(faults, call, call.runtime.random);
      if (fault === undefined) return next(call);
      const abort = abortStatus(fault);
      const goOn = abort === undefined ? () => next(call) : () => Promise.reject(fail(call, abort));
      const { delayMs = 0 } = fault;
      return delayMs > 0 ? delay(call, delayMs).then(goOn) : goOn();
    };
  };
}

/** Waits on the runtime's clock; rejects when the call is cancelled or over before. */
function delay(call: Call, delayMs: number): Promise<void> {
  const { clock } = call.runtime;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(clock.now() + delayMs, () => {
      forget();
      resolve();
    });
    const forget = call.onCancel((status) => {
      timer.clear();
      reject(fail(call, status));
    });
  });
}

/** The same failure in the words of the side that it is on. */
function fail(call: Call, status: CallStatus): Error {
  return call instanceof ServerCall
    ? new StatusError(status)
    : new RpcError(call.method.path, status);
}
