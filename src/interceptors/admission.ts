import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import { EXEMPT_SERVICES } from './authentication.ts';
import { shed } from './shed.ts';

/** The calls of all methods that run at a time. */
export class Admission {
  readonly limit: number;
  inUse = 0;
  readonly leave = (): void => {
    this.inUse--;
  };

  constructor(limit: number) {
    this.limit = limit;
  }
}

/**
 * Server layer 5. Lets so many calls run at a time, unknown methods counted, and sheds the rest
 * before their messages are decoded. Health is told to all who ask: who looks whether an
 * overloaded server lives must not take it for dead.
 */
export function admission(calls: Admission | undefined): Interceptor<ServerCall> {
  return (next, method) => {
    if (calls === undefined || EXEMPT_SERVICES.has(method.service)) return next;
    return (call) => {
      if (calls.inUse >= calls.limit) {
        const details = `The server runs as many calls as it may: ${calls.limit}`;
        return Promise.reject(shed(call, details));
      }
      calls.inUse++;
      call.onEnd(calls.leave);
      return next(call);
    };
  };
}
