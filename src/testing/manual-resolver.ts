import type { CallStatus, ResolvedEndpoint, ResolverFactory, ResolverListener } from '../index.ts';
import { ConfigError, parseEndpoint, Status } from '../index.ts';
import { isLoopback } from '../core/address.ts';

/** A name service in the test's hand. */
export interface ManualResolver {
  /** For `ChannelOptions.resolvers`; any number of channels may use it. */
  readonly factory: ResolverFactory;
  /**
   * The endpoints from now on, as `host:port`, `unix:PATH` or whole. An empty list is an honoured
   * one: the channels let their endpoints go, and calls fail with UNAVAILABLE.
   */
  set(endpoints: readonly (string | ResolvedEndpoint)[]): void;
  /** The source fails; with UNAVAILABLE where only a text is given. The last list stays in use. */
  fail(status: string | CallStatus): void;
  /** How often channels have hinted that the list may be out of date. */
  readonly resolveNowCalls: number;
}

/**
 * A resolver that tells what the test tells it, at once, and to channels that start later when
 * they start. Until the first `set` or `fail`, calls wait.
 *
 * ```ts
 * const names = manualResolver();
 * names.set(['127.0.0.1:50051']);
 * const client = createClient(OrdersServiceDefinition, 'manual:///orders', {
 *   resolvers: { manual: names.factory },
 * });
 * names.set(['127.0.0.1:50051', '127.0.0.1:50052']); // a scale-up
 * names.fail('the name service is down'); // and calls go on
 * names.set([]); // and calls fail
 * ```
 *
 * Plaintext is implied for a channel that is made while all endpoints are on this machine; `set`
 * throws a `ConfigError` when it would then lead elsewhere.
 */
export function manualResolver(): ManualResolver {
  const listeners = new Set<ResolverListener>();
  let endpoints: readonly ResolvedEndpoint[] | undefined;
  let failed: CallStatus | undefined;
  let localOnly = false;
  let resolveNowCalls = 0;
  const tell = (listener: ResolverListener): void => {
    if (endpoints?.length === 0) listener.empty(NONE);
    else if (endpoints !== undefined) listener.endpoints(endpoints);
    if (failed !== undefined) listener.error(failed);
  };
  const factory: ResolverFactory = () => {
    const loopback = endpoints !== undefined && endpoints.length > 0 && endpoints.every(isLocal);
    localOnly ||= loopback;
    let own: ResolverListener | undefined;
    return {
      loopback,
      start(listener) {
        own = listener;
        listeners.add(listener);
        tell(listener);
      },
      resolveNow: () => void resolveNowCalls++,
      close: () => own !== undefined && listeners.delete(own),
    };
  };
  return {
    factory,
    set(list) {
      const parsed = list.map((one) => (typeof one === 'string' ? parseEndpoint(one) : one));
      if (localOnly && !parsed.every(isLocal)) {
        throw new ConfigError(
          'A channel was made while all endpoints were on this machine, which implies plaintext: ' +
            'set others before it is made',
        );
      }
      endpoints = parsed;
      failed = undefined;
      listeners.forEach(tell);
    },
    fail(status) {
      failed = typeof status === 'string' ? failure(status) : status;
      for (const listener of listeners) listener.error(failed);
    },
    get resolveNowCalls() {
      return resolveNowCalls;
    },
  };
}

const NONE = failure('The manual resolver was set to no endpoint');

function failure(details: string): CallStatus {
  return { code: Status.UNAVAILABLE, details, processed: 'no' };
}

function isLocal({ address }: ResolvedEndpoint): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}
