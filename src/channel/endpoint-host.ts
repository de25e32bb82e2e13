import type { ClientCall } from '../core/client-call.ts';
import type { Payload } from '../core/method.ts';
import type { Connection, ConnectOptions, Transport } from '../core/transport.ts';
import type { ChannelLoad } from '../policies/endpoint-load.ts';

/** What an endpoint needs from its channel. */
export interface EndpointHost<E> {
  readonly transport: Transport;
  /** Everything of the connection but who is called: that is the endpoint's. */
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName'>;
  readonly channelLoad: ChannelLoad;
  /** The service whose health is watched; undefined where none is. */
  readonly healthService: string | undefined;
  /** Over how long an endpoint that comes up gets its share, in ms; 0 for at once. */
  readonly slowStartMs: number;
  stateChanged(endpoint: E): void;
  /** A connection was begun; it is the channel's to close in the end. */
  opened(connection: Connection): void;
  /** A connection was lost or could not be had. */
  disconnected(): void;
  /** True while calls want an endpoint: redials come sooner then. */
  wanted(): boolean;
  /** Carries a call of the channel's own, with call credentials where there are any. */
  invokeOwn(call: ClientCall, endpoint: E): Promise<Payload>;
  /** The endpoint has no health service. */
  healthUnimplemented(endpoint: E): void;
}
