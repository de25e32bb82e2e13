import type { CallRuntime } from '../core/call-runtime.ts';
import type { CallStatus } from '../core/status.ts';
import type { ResolvedEndpoint, Target } from './target.ts';

/**
 * Turns a target into endpoints, and keeps them fresh. One belongs to one channel, which starts it
 * once, with its first call, and closes it at its own end.
 */
export interface Resolver {
  /**
   * True when every endpoint it will ever tell is on this machine: plaintext is implied then,
   * where the channel names no credentials.
   */
  readonly loopback: boolean;
  /** Begins to tell; it may do so before this returns, and goes on until `close`. */
  start(listener: ResolverListener): void;
  /**
   * A hint that the list may be out of date: a connection was lost, or could not be had. Comes as
   * often as that happens, so the resolver sets its own least interval.
   */
  resolveNow(): void;
  /** Tells nothing from now on, and leaves no timer, watch or question behind. */
  close(): void;
}

/** What a resolver tells its channel. A source that fails never takes the endpoints in use away. */
export interface ResolverListener {
  /** The endpoints from now on. Never an empty list, which is taken for an error. */
  endpoints(endpoints: readonly ResolvedEndpoint[]): void;
  /** Why there is no newer list. The last one stays in use; calls see this where there is none. */
  error(status: CallStatus): void;
  /**
   * There are no endpoints any more, for certain: those in use are let go when their calls end,
   * and new calls fail with this. An empty answer is most often a source that fails, so a resolver
   * tells this only when its source has said nothing else for 30 s, and `error` until then.
   */
  empty(status: CallStatus): void;
}

/**
 * Makes the resolver of a scheme; throws a `ConfigError` for a target it does not understand.
 *
 * ```ts
 * const registry: ResolverFactory = ({ path }, { clock }) => {
 *   let timer: Timer | undefined;
 *   return {
 *     loopback: false,
 *     start(listener) {
 *       const ask = async (): Promise<void> => {
 *         try {
 *           const found = await askRegistry(path); // ['10.0.0.1:50051', '10.0.0.2:50051']
 *           listener.endpoints(found.map((text) => parseEndpoint(text)));
 *         } catch (error) {
 *           listener.error({ code: Status.UNAVAILABLE, details: `No registry: ${String(error)}` });
 *         }
 *         timer = clock.setTimer(clock.now() + 10_000, () => void ask());
 *       };
 *       void ask();
 *     },
 *     resolveNow() {},
 *     close: () => timer?.clear(),
 *   };
 * };
 * const client = createClient(OrdersDefinition, 'registry:///orders', { resolvers: { registry } });
 * ```
 */
export type ResolverFactory = (target: Target, runtime: CallRuntime) => Resolver;
