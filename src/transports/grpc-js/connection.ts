import type { Metadata } from 'nice-grpc-common';

import { isIP } from 'node:net';

import type { ChannelOptions } from '@grpc/grpc-js';
import * as grpc from '@grpc/grpc-js';

import type { ClientCall } from '../../core/client-call.ts';
import type { Timer } from '../../core/clock.ts';
import { describe, RpcError } from '../../core/errors.ts';
import type { Payload } from '../../core/method.ts';
import type { CallStatus } from '../../core/status.ts';
import { Status } from '../../core/status.ts';
import type { Address, Connection, ConnectionState, ConnectOptions } from '../../core/transport.ts';
import { formatAddress } from '../../core/address.ts';
import { Exchange } from '../exchange.ts';
import { GrpcJsWire } from './client-wire.ts';
import type { ClientTls } from './tls.ts';
import { clientContext, readMaterial } from './tls.ts';
import { TrackedCredentials } from './tracked-credentials.ts';

/** How much a server may send ahead of its reader. HTTP/2's default of 64 KiB caps throughput. */
const WINDOW_BYTES = 1024 * 1024;

/**
 * One connection through a grpc-js channel that is pinned to one address. Balancing, configured
 * retries, service config, proxies and redialling of grpc-js are off: they have one owner, above.
 * Its transparent retry, of streams that no server has seen, is on.
 */
export class GrpcJsConnection implements Connection {
  state: ConnectionState = 'connecting';
  failure: CallStatus | undefined = undefined;
  readonly peer: string;
  readonly secure: boolean;
  inFlight = 0;

  private readonly address: Address;
  private readonly options: ConnectOptions;
  private channel: grpc.Channel | undefined = undefined;
  private credentials: TrackedCredentials | undefined = undefined;
  private timer: Timer | undefined = undefined;
  private readonly listeners: ((state: ConnectionState) => void)[] = [];

  constructor(address: Address, options: ConnectOptions) {
    this.address = address;
    this.options = options;
    this.peer = formatAddress(address);
    this.secure = options.credentials.kind === 'tls';
    const { clock } = options.runtime;
    this.timer = clock.setTimer(clock.now() + options.connectTimeoutMs, () => this.timedOut());
    this.open().catch((error: unknown) => this.fail(describe(error)));
  }

  onStateChange(listener: (state: ConnectionState) => void): void {
    this.listeners.push(listener);
  }

  invoke(call: ClientCall, extra?: Metadata): Promise<Payload> {
    const { channel } = this;
    if (channel === undefined || this.check() !== 'ready') {
      return Promise.reject(new RpcError(call.method.path, this.notReady()));
    }
    this.inFlight++;
    const open = (exchange: Exchange): GrpcJsWire => {
      const { path } = call.method;
      const { authority } = this.options;
      const grpcCall = channel.createCall(path, Number.POSITIVE_INFINITY, authority, null, null);
      return new GrpcJsWire(grpcCall, call, exchange, this.options.limits);
    };
    const exchange = new Exchange(call, extra, () => this.callOver());
    return exchange.run(open, this.options.limits);
  }

  /** grpc-js tells of a change a turn later: a call made meanwhile would be lost on the way. */
  check(): ConnectionState {
    const ready = this.channel?.getConnectivityState(false) === grpc.connectivityState.READY;
    if (this.state === 'ready' && !ready) this.drain();
    return this.state;
  }

  drain(): void {
    if (this.state === 'closed') return;
    this.credentials?.giveUp();
    if (this.inFlight === 0) this.close();
    else this.become('draining');
  }

  close(): void {
    if (this.state === 'closed') return;
    this.timer?.clear();
    this.channel?.close();
    this.credentials?.destroySockets();
    this.become('closed');
  }

  private callOver(): void {
    this.inFlight--;
    if (this.inFlight === 0 && this.state === 'draining') this.close();
  }

  private async open(): Promise<void> {
    const credentials = new TrackedCredentials(await this.makeTls());
    if (this.state !== 'connecting') return;
    this.credentials = credentials;
    this.channel = new grpc.Channel(grpcTarget(this.address), credentials, this.channelOptions());
    this.channel.getConnectivityState(true);
    this.watch(this.channel, grpc.connectivityState.IDLE);
  }

  private async makeTls(): Promise<ClientTls | undefined> {
    const { credentials } = this.options;
    if (credentials.kind === 'insecure') return undefined;
    // Asked anew for every connection: that is how renewed certificates come into use.
    const material = await readMaterial(credentials.source);
    return {
      context: clientContext(material),
      serverName: credentials.serverName ?? this.options.serverName,
      hasCertificate: material.cert !== undefined,
    };
  }

  private channelOptions(): ChannelOptions {
    const { authority, keepalive, limits, userAgent } = this.options;
    return {
      'grpc.default_authority': authority,
      'grpc.primary_user_agent': userAgent,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.client_idle_timeout_ms': 2 ** 31 - 1,
      'grpc.keepalive_time_ms': keepalive.timeMs,
      'grpc.keepalive_timeout_ms': keepalive.timeoutMs,
      'grpc.max_receive_message_length': limits.messageBytes,
      'grpc.max_send_message_length': -1,
      'grpc-node.flow_control_window': WINDOW_BYTES,
    };
  }

  private watch(channel: grpc.Channel, known: grpc.connectivityState): void {
    channel.watchConnectivityState(known, Number.POSITIVE_INFINITY, () => {
      if (this.state === 'closed') return;
      const state = channel.getConnectivityState(false);
      const { READY, TRANSIENT_FAILURE, SHUTDOWN } = grpc.connectivityState;
      if (state === READY) {
        this.timer?.clear();
        this.become('ready');
      } else if (this.state === 'connecting' && state === TRANSIENT_FAILURE) {
        this.askWhy(channel);
        return;
      } else if (this.state !== 'connecting') {
        // The connection is gone, or said GOAWAY; calls that it still carries go on. A new one would
        // make grpc-js dial again, which is not for it to decide.
        this.drain();
        return;
      } else if (state === SHUTDOWN) {
        return;
      }
      this.watch(channel, state);
    });
  }

  /** grpc-js tells why it could not connect only to a call. */
  private askWhy(channel: grpc.Channel): void {
    const call = channel.createCall('/inboard/why', Number.POSITIVE_INFINITY, null, null, null);
    call.start(new grpc.Metadata(), {
      onReceiveMetadata: ignore,
      onReceiveMessage: ignore,
      onReceiveStatus: (status) => this.fail(this.explain(reason(status.details))),
    });
  }

  private explain(why: string): string {
    return this.credentials?.explain(why) ?? why;
  }

  private timedOut(): void {
    this.fail(`no HTTP/2 connection within ${this.options.connectTimeoutMs} ms`);
  }

  private fail(why: string): void {
    if (this.state === 'closed') return;
    const details = `Cannot connect to ${this.peer}: ${plainly(why)}`;
    this.failure = { code: Status.UNAVAILABLE, details, processed: 'no' };
    this.close();
  }

  private notReady(): CallStatus {
    const details = `The connection to ${this.peer} is ${this.state}`;
    return this.failure ?? { code: Status.UNAVAILABLE, details, processed: 'no' };
  }

  private become(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }
}

function grpcTarget(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const family = isIP(address.host);
  const scheme = family === 4 ? 'ipv4:' : family === 6 ? 'ipv6:' : 'dns:';
  return `${scheme}${formatAddress(address)}`;
}

/** The commonest failure of all in words. */
function plainly(why: string): string {
  return why.includes('ECONNREFUSED') ? 'nothing listens there (ECONNREFUSED)' : why;
}

/** Takes grpc-js's frame of words off the system's own. */
function reason(details: string): string {
  const match = /Last error: (.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note:/s.exec(details);
  return match?.[1] ?? details;
}

function ignore(): void {}
