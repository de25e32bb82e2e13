import { isDeepStrictEqual } from 'node:util';

import type { Channel } from '../channel/channel.ts';
import type { MethodPolicySources } from '../config/effective-policy.ts';
import { effectiveMethodPolicy } from '../config/effective-policy.ts';
import type { PolicySource } from '../config/policy-source.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Handler, Interceptor } from '../core/interceptor.ts';
import { bind } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { Fallback } from '../interceptors/fallback.ts';
import type { FailureClassifier } from '../policies/failure.ts';
import type { ClientInterceptors } from './client-stack.ts';
import { clientStack } from './client-stack.ts';
import { MethodState } from './method-state.ts';

/** A method with its stack: what a stub calls. */
export interface BoundMethod {
  readonly state: MethodState;
  /** Replaced as a whole when the policy changes; calls under way go on with the one they have. */
  handler: Handler<ClientCall>;
}

export interface BoundMethodsOptions {
  readonly interceptors: ClientInterceptors;
  readonly stack: 'default' | 'bare';
  /** The policies that code gives. */
  readonly code: Omit<MethodPolicySources, 'document'>;
  readonly fallbackOf: (method: Method) => Fallback | undefined;
  readonly classifierOf: (method: Method) => FailureClassifier | undefined;
  readonly policy: PolicySource | undefined;
}

/** The methods of a client, bound to their layers, and bound anew when the policy changes. */
export class BoundMethods {
  readonly byPath: ReadonlyMap<string, BoundMethod>;
  readonly channel: Channel;
  private readonly options: BoundMethodsOptions;
  private readonly layers: readonly Interceptor<ClientCall>[];
  private readonly stopFollowing: (() => void)[] = [];

  constructor(methods: readonly Method[], channel: Channel, options: BoundMethodsOptions) {
    this.channel = channel;
    this.options = options;
    const { runtime } = channel;
    const states = new Map(
      methods.map((method) => [
        method.path,
        new MethodState(method, runtime, this.effective(method)),
      ]),
    );
    this.layers = this.makeLayers((method) => states.get(method.path) as MethodState);
    this.byPath = new Map(
      [...states].map(([path, state]) => [path, { state, handler: this.bind(state.method) }]),
    );
    this.follow();
    this.stopFollowing.push(
      runtime.parts.add(this),
      channel.onClose(() => this.close()),
    );
  }

  /** The end of the client: it follows neither policy nor channel any more. */
  close(): void {
    for (const stop of this.stopFollowing.splice(0)) stop();
  }

  private follow(): void {
    const { policy } = this.options;
    if (policy !== undefined) this.stopFollowing.push(policy.onChange(() => this.rebind()));
    const endpointUp = (): void => {
      for (const { state } of this.byPath.values()) state.breaker?.endpointUp();
    };
    this.stopFollowing.push(this.channel.onEndpointUp(endpointUp));
  }

  /** All of it holds or none: what a layer throws while it is bound leaves the policy as it was. */
  private rebind(): void {
    const changed = [...this.byPath.values()]
      .map((bound) => ({ bound, policy: this.effective(bound.state.method) }))
      .filter(({ bound, policy }) => !isDeepStrictEqual(bound.state.effective, policy));
    const takeBack = changed.map(({ bound, policy }) => bound.state.apply(policy));
    try {
      const handlers = changed.map(({ bound }) => this.bind(bound.state.method));
      for (const [index, { bound }] of changed.entries()) {
        bound.handler = handlers[index] as Handler<ClientCall>;
      }
    } catch (error) {
      for (const undo of takeBack) undo();
      throw error;
    }
  }

  private effective(method: Method): ReturnType<typeof effectiveMethodPolicy> {
    const { code, policy } = this.options;
    return effectiveMethodPolicy(method, { ...code, document: policy?.current });
  }

  private bind(method: Method): Handler<ClientCall> {
    return bind(this.layers, method, (call) => this.channel.invoke(call));
  }

  private makeLayers(stateOf: (method: Method) => MethodState): Interceptor<ClientCall>[] {
    const { interceptors, stack, fallbackOf, classifierOf } = this.options;
    const { perCall = [], perAttempt = [] } = interceptors;
    if (stack === 'bare') return [...perCall, ...perAttempt];
    const shared = this.channel;
    const { telemetry, service } = this.channel.runtime;
    const own = { telemetry, service, stateOf, fallbackOf, classifierOf, shared };
    const named = clientStack({ ...interceptors, ...own });
    return named.flatMap(({ layers }) => layers);
  }
}
