import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import { StatusError } from '../core/server-call.ts';
import { Status } from '../core/status.ts';
import type { Identity } from './authentication.ts';
import { EXEMPT_SERVICES, IDENTITY } from './authentication.ts';

/** Who may call: anyone, whoever is authenticated, or whom a function admits. */
export type AccessRule =
  | 'anyone'
  | 'authenticated'
  | ((identity: Identity | undefined, call: ServerCall) => boolean | Promise<boolean>);

/** Rules by `package.Service/Method` or `package.Service`; the more exact one counts. */
export type AccessRules = Readonly<Record<string, AccessRule>>;

/** The rule of a method, undefined when none names it. */
export function ruleOf(rules: AccessRules, method: Method): AccessRule | undefined {
  return rules[`${method.service}/${method.name}`] ?? rules[method.service];
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
    return async (call) => {
      const identity = call.get(IDENTITY);
      const admitted =
        typeof rule === 'function' ? await rule(identity, call) : rule !== undefined && identity !== undefined;
      if (!admitted) throw denied;
      return next(call);
    };
  };
}
