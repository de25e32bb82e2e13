import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import type { Authenticator } from '../interceptors/authentication.ts';
import { authentication } from '../interceptors/authentication.ts';
import type { AccessRules } from '../interceptors/authorization.ts';
import { authorization, ruleOf } from '../interceptors/authorization.ts';
import { errorMapping } from '../interceptors/error-mapping.ts';
import type { ServerContextOptions } from '../interceptors/server-context.ts';
import { serverContext } from '../interceptors/server-context.ts';
import type { Validator, Violation } from '../interceptors/validation.ts';
import { validation } from '../interceptors/validation.ts';

/** Where users put layers of their own. */
export interface ServerInterceptors {
  /** Around everything, the error mapping included: sees statuses as the client will. */
  readonly outermost?: readonly Interceptor<ServerCall>[];
  /** Innermost: the call is admitted, its caller known, its request valid. */
  readonly beforeHandler?: readonly Interceptor<ServerCall>[];
}

export interface ServerStackOptions extends ServerInterceptors, ServerContextOptions {
  readonly authenticators: readonly Authenticator[];
  readonly rules: AccessRules | undefined;
  readonly validatorOf: (method: Method) => Validator | undefined;
  readonly refusal: (violations: readonly Violation[]) => CallStatus;
}

/** A layer with the name that tests and people know it by. */
export interface NamedServerLayer {
  readonly name: string;
  readonly layers: readonly Interceptor<ServerCall>[];
}

/**
 * The default server stack, outermost first, each position with its reason. Unknown methods pass
 * the layers that are marked `unknown` only.
 */
export function serverStack(options: ServerStackOptions): NamedServerLayer[] {
  const { outermost = [], beforeHandler = [], authenticators, rules } = options;
  const anyone = (method: Method): boolean =>
    rules !== undefined && ruleOf(rules, method) === 'anyone';
  return [
    { name: 'outermost', layers: outermost },
    // Above all that may throw, below what counts calls, which wants final statuses.
    { name: 'error-mapping', layers: [errorMapping()] },
    // Before authentication: a hook that calls out must inherit the deadline.
    { name: 'context', layers: [serverContext(options)] },
    { name: 'authentication', layers: [authentication(authenticators, anyone)] },
    // After authentication, for it decides by identity.
    { name: 'authorization', layers: [authorization(rules)] },
    // The first layer that reads the request: nobody refused so far had it decoded.
    { name: 'validation', layers: [validation(options.validatorOf, options.refusal)] },
    { name: 'beforeHandler', layers: beforeHandler },
  ];
}

/** The layers that a call to an unknown method passes: it is counted and limited, not served. */
export const LAYERS_OF_UNKNOWN: ReadonlySet<string> = new Set([
  'outermost',
  'error-mapping',
  'context',
]);
