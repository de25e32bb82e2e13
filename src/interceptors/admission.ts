import type { Criticality } from '../core/criticality.ts';
import { criticalityOf } from '../core/criticality.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { ServerCall } from '../core/server-call.ts';
import { EXEMPT_SERVICES } from './authentication.ts';
import { shed } from './shed.ts';

/** Share of the limit up to which sheddable calls are let in: they leave room for the others. */
const SHEDDABLE = 0.75;

/** By how much of the limit critical calls may go beyond it. */
const BEYOND = 0.1;

/** The calls of all methods that run at a time. */
export class Admission {
  /** By what a call is worth. */
  readonly limits: Readonly<Record<Criticality, number>>;
  inUse = 0;
  readonly leave = (): void => {
    this.inUse--;
  };

  constructor(limit: number) {
    this.limits = {
      critical: limit + Math.ceil(limit * BEYOND),
      default: limit,
      sheddable: Math.max(1, Math.floor(limit * SHEDDABLE)),
    };
  }
}

/**
 * Server layer 5. Lets so many calls run at a time, unknown methods counted, and sheds the rest
 * before their messages are decoded, the least critical first. What a call says of its worth is
 * believed. Health is told to all who ask: who looks whether an overloaded server lives must not
 * take it for dead.
 */
export function admission(calls: Admission | undefined): Interceptor<ServerCall> {
  return (next, method) => {
    if (calls === undefined || EXEMPT_SERVICES.has(method.service)) return next;
    return (call) => {
      // Below the lowest limit all are let in: headers are not read for that.
      if (calls.inUse >= calls.limits.sheddable) {
        const criticality = criticalityOf(call.headers) ?? 'default';
        const limit = calls.limits[criticality];
        if (calls.inUse >= limit) {
          const which = criticality === 'default' ? '' : `${criticality} `;
          const details = `The server runs as many ${which}calls as it may: ${limit}`;
          return Promise.reject(shed(call, details));
        }
      }
      calls.inUse++;
      call.onEnd(calls.leave);
      return next(call);
    };
  };
}
