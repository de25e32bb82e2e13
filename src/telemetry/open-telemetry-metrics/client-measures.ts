import type { ClientCall } from '../../core/client-call.ts';
import type { Interceptor } from '../../core/interceptor.ts';
import type { Method } from '../../core/method.ts';
import type { FaultLog } from '../fault-log.ts';
import type { Instruments } from './instruments.ts';
import { canonicalTarget, Labels, methodLabel, OTHER } from './labels.ts';
import { RetryTally, TALLY } from './retry-tally.ts';

export interface ClientMeasures {
  readonly instruments: () => Instruments;
  readonly recordTarget: ((target: string) => boolean) | undefined;
  readonly retries: boolean;
  readonly faults: FaultLog;
}

/** Once a call. */
export function clientCalls(measures: ClientMeasures): Interceptor<ClientCall> {
  const { instruments, retries, faults } = measures;
  return (next, method) => {
    const labelsOf = labelsByTarget(method, measures);
    return (call) => {
      const { clock } = call.runtime;
      const startMs = clock.now();
      const labels = labelsOf(call);
      const tally = retries ? new RetryTally() : undefined;
      if (tally !== undefined) call.set(TALLY, tally);
      call.onEnd(({ code }) => {
        try {
          const { client, retries: further } = instruments();
          client.callDuration.record((clock.now() - startMs) / 1_000, labels.of(code));
          tally?.record(further, labels.started);
        } catch (error) {
          faults.tell(error, call.runtime);
        }
      });
      return next(call);
    };
  };
}

/** Once an attempt. */
export function clientAttempts(measures: ClientMeasures): Interceptor<ClientCall> {
  const { instruments, retries, faults } = measures;
  return (next, method) => {
    const labelsOf = labelsByTarget(method, measures);
    return (attempt) => {
      const { clock } = attempt.runtime;
      const startMs = clock.now();
      const labels = labelsOf(attempt);
      const tally = retries ? attempt.get(TALLY) : undefined;
      tally?.begin(attempt, startMs);
      try {
        instruments().client.attemptStarted.add(1, labels.started);
      } catch (error) {
        faults.tell(error, attempt.runtime);
      }
      attempt.onEnd(({ code }) => {
        const endMs = clock.now();
        tally?.end(endMs);
        try {
          const { client } = instruments();
          const attributes = labels.of(code);
          client.attemptDuration.record((endMs - startMs) / 1_000, attributes);
          client.attemptSent.record(attempt.sentBytes, attributes);
        } catch (error) {
          faults.tell(error, attempt.runtime);
        }
      });
      return next(attempt);
    };
  };
}

/** A method is bound once a client, and so has one target: its labels are made at its first call. */
function labelsByTarget(
  method: Method,
  { recordTarget, faults }: ClientMeasures,
): (call: ClientCall) => Labels {
  let known: { readonly target: string | undefined; readonly labels: Labels } | undefined;
  const isTold = (target: string, { runtime }: ClientCall): boolean => {
    try {
      return recordTarget?.(target) ?? true;
    } catch (error) {
      faults.tell(error, runtime);
      return false;
    }
  };
  return (call) => {
    const { target } = call;
    if (known === undefined || known.target !== target) {
      const told = target !== undefined && isTold(target, call);
      const label = told ? canonicalTarget(target) : OTHER;
      known = { target, labels: new Labels(methodLabel(method.path), label) };
    }
    return known.labels;
  };
}
