import type { Interceptor } from '../../core/interceptor.ts';
import type { ServerCall } from '../../core/server-call.ts';
import type { FaultLog } from '../fault-log.ts';
import type { Instruments } from './instruments.ts';
import { Labels, methodLabel, OTHER } from './labels.ts';

export interface ServerMeasures {
  readonly instruments: () => Instruments;
  readonly recordUnknownMethod: ((method: string) => boolean) | undefined;
  readonly faults: FaultLog;
}

/** Once a call, those to methods that the server does not have included. */
export function serverCalls(measures: ServerMeasures): Interceptor<ServerCall> {
  const { instruments, recordUnknownMethod, faults } = measures;
  return (next, method) => {
    const bound = new Labels(method.known ? methodLabel(method.path) : OTHER);
    const byPath = method.known ? undefined : recordUnknownMethod;
    return (call) => {
      const { clock } = call.runtime;
      const startMs = clock.now();
      const labels = byPath === undefined ? bound : labelsOf(call, byPath, bound, faults);
      try {
        instruments().server.started.add(1, labels.started);
      } catch (error) {
        faults.tell(error, call.runtime);
      }
      call.onEnd(({ code }) => {
        try {
          const { server } = instruments();
          const attributes = labels.of(code);
          server.duration.record((clock.now() - startMs) / 1_000, attributes);
          server.sent.record(call.sentBytes, attributes);
          server.received.record(call.receivedBytes, attributes);
        } catch (error) {
          faults.tell(error, call.runtime);
        }
      });
      return next(call);
    };
  };
}

function labelsOf(
  call: ServerCall,
  told: (method: string) => boolean,
  other: Labels,
  faults: FaultLog,
): Labels {
  const label = methodLabel(call.path);
  try {
    return told(label) ? new Labels(label) : other;
  } catch (error) {
    faults.tell(error, call.runtime);
    return other;
  }
}
