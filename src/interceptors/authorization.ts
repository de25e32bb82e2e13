import type { Identity } from '../core/identity.ts';
import { IDENTITY } from '../core/identity.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { refuseOver, StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';
import { EXEMPT_SERVICES } from './authentication.ts';

/**
 * Who may call: anyone, with or without credentials; whoever is authenticated; or whom a function
 * admits, by `true` and nothing else. It gets no identity only on a server that authenticates
 * nobody; what it throws refuses the call.
 */
export type AccessRule =
  | 'anyone'
  | 'authenticated'
  | ((identity: Identity | undefined, call: ServerCall) => boolean | Promise<boolean>);

/** Rules by `package.Service/Method` or `package.Service`; the more exact one counts. */
export type AccessRules = Readonly<Record<string, AccessRule>>;

/** The rule of a method, undefined when none names it. */
export function ruleOf(rules: AccessRules, method: Method): AccessRule | undefined {
  const exact = `${method.service}/${method.name}`;
  if (Object.hasOwn(rules, exact)) return rules[exact];
  return Object.hasOwn(rules, method.service) ? rules[method.service] : undefined;
}

/**
 * Server layer 8. Decides by the registered method, never by the path as it was sent. Once rules
 * are configured, a method without one is refused.
 */
export function authorization(rules: AccessRules | undefined): Interceptor<ServerCall> {
  return (next, method) => {
    if (rules === undefined || EXEMPT_SERVICES.has(method.service)) return next;
    const rule = ruleOf(rules, method);
    if (rule === 'anyone') return next;
    const denied = new StatusError({
      code: Status.PERMISSION_DENIED,
      details: `The caller may not call ${method.service}/${method.name}`,
    });
    if (typeof rule !== 'function') {
      const admits = rule === 'authenticated';
      return (call) =>
        admits && call.get(IDENTITY) !== undefined ? next(call) : Promise.reject(denied);
    }
    return async (call) => {
      const admitted: unknown = await rule(call.get(IDENTITY), call);
      refuseOver(call);
      if (admitted !== true) throw denied;
      return next(call);
    };
  };
}
