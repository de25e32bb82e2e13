import {
  type CallStatus,
  type ClientCall,
  type Interceptor,
  type Method,
  type ServerCall,
  Status,
} from '../../../src/index.ts';
import { record } from './histogram.ts';
import { outcomeOf } from './outcome.ts';
import { addHop, emptyReport, methodOf, type Report } from './report.ts';

/** Names the method that a customer called, on every call that is made for it further down. */
export const ENTRY_HEADER = 'shop-entry';

/** `orders.GetOrder` for `/orders.v1.OrdersService/GetOrder`. */
export function shortName(method: Pick<Method, 'service' | 'name'>): string {
  return `${stageOf(method)}.${method.name}`;
}

/** The same for a path. */
export function shortNameOf(path: string): string {
  const [, service = '', name = ''] = path.split('/');
  return shortName({ service, name });
}

/** Counts the calls of one process in two interceptors, one for each side. */
export class Meter {
  private report = emptyReport();

  /** For the client's slot `perCall`: how each call ended, and how long its caller waited. */
  readonly client: Interceptor<ClientCall> = (next, method) => {
    const name = shortName(method);
    return (call) => {
      const { clock } = call.runtime;
      const startMs = clock.now();
      const waited = once(() => {
        record(methodOf(this.report, name).latency, clock.now() - startMs);
      });
      // A stream may last as long as it likes: its caller waits for the first message.
      if (method.responseStream) call.onResponseMessage(waited);
      call.onEnd((status) => {
        this.count(call, status);
        if (status.code === Status.OK) waited();
      });
      return next(call);
    };
  };

  /** For the server's slot `beforeHandler`: who served, and what was left of the deadline. */
  readonly server: Interceptor<ServerCall> = (next, method) => (call) => {
    this.report.served += 1;
    const entry = call.headers.get(ENTRY_HEADER);
    if (entry !== undefined) {
      this.hop(entry, stageOf(method), call.deadline - call.runtime.clock.now());
    }
    return next(call);
  };

  /** Notes what is left of the deadline at a stage of the way of a call. */
  hop(entry: string, stage: string, remainingMs: number): void {
    addHop(this.report, `${entry} ${stage}`, { count: 1, sumMs: remainingMs });
  }

  /** What was counted since this was last asked. */
  take(): Report {
    const { report } = this;
    this.report = emptyReport();
    return report;
  }

  private count(call: ClientCall, status: CallStatus): void {
    const report = methodOf(this.report, shortName(call.method));
    const outcome = outcomeOf(call, status);
    report[outcome] += 1;
    if (outcome !== 'ok') report.lastFailure = `${Status[status.code]}: ${status.details}`;
  }
}

function stageOf({ service }: Pick<Method, 'service'>): string {
  return service.slice(0, service.indexOf('.'));
}

function once(body: () => void): () => void {
  let done = false;
  return () => {
    if (!done) body();
    done = true;
  };
}
