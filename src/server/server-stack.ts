import type { Draining } from '../core/draining.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { ServerCall } from '../core/server-call.ts';
import type { CallStatus } from '../core/status.ts';
import type { Telemetry } from '../core/telemetry.ts';
import type { Admission } from '../interceptors/admission.ts';
import { admission } from '../interceptors/admission.ts';
import type { Authenticator } from '../interceptors/authentication.ts';
import { authentication } from '../interceptors/authentication.ts';
import type { AccessRules } from '../interceptors/authorization.ts';
import { authorization, ruleOf } from '../interceptors/authorization.ts';
import { drainGate } from '../interceptors/drain-gate.ts';
import { errorMapping } from '../interceptors/error-mapping.ts';
import { faultInjection } from '../interceptors/fault-injection.ts';
import type { RateLimits } from '../interceptors/identity-rate-limit.ts';
import { identityRateLimit } from '../interceptors/identity-rate-limit.ts';
import { methodBulkhead } from '../interceptors/method-bulkhead.ts';
import type { ServerContextOptions } from '../interceptors/server-context.ts';
import { serverContext } from '../interceptors/server-context.ts';
import type { Validator, Violation } from '../interceptors/validation.ts';
import { validation } from '../interceptors/validation.ts';
import type { Bulkhead } from '../policies/bulkhead.ts';
import type { FaultPolicy } from '../policies/policy.ts';

/** Where users put layers of their own. */
export interface ServerInterceptors {
  /** Around everything, the error mapping included: sees statuses as the client will. */
  readonly outermost?: readonly Interceptor<ServerCall>[];
  /** Innermost: the call is admitted, its caller known, its request valid. */
  readonly beforeHandler?: readonly Interceptor<ServerCall>[];
}

export interface ServerStackOptions extends ServerInterceptors, ServerContextOptions {
  readonly telemetry: readonly Telemetry[];
  readonly draining: Draining;
  /** The total limit; undefined where there is none. */
  readonly admission: Admission | undefined;
  /** The limit of each caller; undefined where there is none. */
  readonly rateLimits: RateLimits | undefined;
  readonly bulkheadOf: (method: Method) => Bulkhead | undefined;
  readonly faultsOf: (method: Method) => readonly FaultPolicy[] | undefined;
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
 * `LAYERS_OF_UNKNOWN` only.
 */
export function serverStack(options: ServerStackOptions): NamedServerLayer[] {
  const { telemetry, outermost = [], beforeHandler = [], authenticators, rules } = options;
  const anyone = (method: Method): boolean =>
    rules !== undefined && ruleOf(rules, method) === 'anyone';
  return [
    // Before anything that may refuse or throw: it counts what the peer is told.
    { name: 'telemetry', layers: telemetry.flatMap(({ serverCall }) => serverCall ?? []) },
    { name: 'outermost', layers: outermost },
    // Above all that may throw, below what counts calls, which wants final statuses.
    { name: 'error-mapping', layers: [errorMapping()] },
    // Before authentication: a hook that calls out must inherit the deadline.
    { name: 'context', layers: [serverContext(options)] },
    // Before anything is spent on a call that goes elsewhere anyway.
    { name: 'drain-gate', layers: [drainGate(options.draining)] },
    // Before authentication, whose work an overloaded server cannot afford, and before decoding.
    { name: 'admission', layers: [admission(options.admission)] },
    { name: 'authentication', layers: [authentication(authenticators, anyone)] },
    // After authentication, for it counts by identity; what is refused below counts, too.
    { name: 'rate-limit', layers: [identityRateLimit(options.rateLimits)] },
    // After authentication, for it decides by identity.
    { name: 'authorization', layers: [authorization(rules)] },
    // Below what refuses: who may not call takes no place.
    { name: 'method-bulkhead', layers: [methodBulkhead(options.bulkheadOf)] },
    // Below everything that it is meant to exercise.
    { name: 'fault-injection', layers: [faultInjection(options.faultsOf)] },
    // The first layer that reads the request: nobody refused so far had it decoded.
    { name: 'validation', layers: [validation(options.validatorOf, options.refusal)] },
    { name: 'beforeHandler', layers: beforeHandler },
  ];
}

/** The layers that a call to an unknown method passes: it is counted and limited, not served. */
export const LAYERS_OF_UNKNOWN: ReadonlySet<string> = new Set([
  'telemetry',
  'outermost',
  'error-mapping',
  'context',
  'drain-gate',
  'admission',
]);
