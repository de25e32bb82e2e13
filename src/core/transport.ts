import type { ClientCall } from './client-call.ts';
import type { ChannelCredentials, ServerCredentials } from './credentials.ts';
import type { Payload } from './method.ts';
import type { Metadata } from 'nice-grpc-common';
import type { CallRuntime } from './call-runtime.ts';
import type { CallStatus } from './status.ts';

/**
 * The seam between the calls and the wire. A transport opens single connections and listeners and
 * knows nothing of balancing, retries or backoff: those have one owner, above it.
 */
export interface Transport {
  readonly name: string;
  /** True when nothing it carries leaves the process: plaintext is implied for every address. */
  readonly local?: boolean;
  /** Starts to connect; fails by state, never by throwing. One connection, never redialled. */
  connect(address: Address, options: ConnectOptions): Connection;
  /** Rejects with a `ListenError` when the address cannot be had. */
  listen(address: Address, options: ListenOptions, dispatch: Dispatch): Promise<Listener>;
}

/** Where a socket goes to: a host and port, or a path. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface Limits {
  /** Largest received message, in bytes, checked again after decompression. Default 4 MiB. */
  readonly messageBytes: number;
  /** Largest received or sent metadata, names and values and 32 a pair (RFC 9113). Default 16 KiB. */
  readonly metadataBytes: number;
  /** Most metadata pairs. Default 100. */
  readonly metadataPairs: number;
}

export const DEFAULT_LIMITS: Limits = Object.freeze({
  messageBytes: 4 * 1024 * 1024,
  metadataBytes: 16 * 1024,
  metadataPairs: 100,
});

export interface ConnectOptions {
  readonly runtime: CallRuntime;
  /** `:authority` of every call. */
  readonly authority: string;
  /** The name that the server's certificate must carry. */
  readonly serverName: string;
  readonly credentials: ChannelCredentials;
  /** TCP, TLS and SETTINGS together, in ms. Default 20 000 (connection-backoff.md). */
  readonly connectTimeoutMs: number;
  readonly keepalive: Keepalive;
  readonly limits: Limits;
  readonly userAgent: string;
}

export interface Keepalive {
  /**
   * Silence before a ping while a call waits, in ms. Default 300 000, the least that stock servers
   * allow (A8): they answer more with GOAWAY. Set 30 000 where the servers permit it, to notice a
   * dead connection sooner under long calls.
   */
  readonly timeMs: number;
  /** How long its answer may take, in ms. Default 10 000. */
  readonly timeoutMs: number;
}

export const DEFAULT_KEEPALIVE: Keepalive = Object.freeze({
  timeMs: 300_000,
  timeoutMs: 10_000,
});

export type ConnectionState =
  | 'connecting'
  | 'ready'
  /** Takes no new call; calls in flight go on. */
  | 'draining'
  | 'closed';

/** One connection. Goes from connecting to ready to draining to closed and never back. */
export interface Connection {
  readonly state: ConnectionState;
  /** Why it is closed, when it failed. */
  readonly failure: CallStatus | undefined;
  /** True when the bytes are encrypted. */
  readonly secure: boolean;
  /** Calls that are not over. */
  readonly inFlight: number;
  /** The peer's address, as text. */
  readonly peer: string;
  onStateChange(listener: (state: ConnectionState) => void): void;
  /** Looks at the state anew: what the wire has told by now, listeners included. */
  check(): ConnectionState;
  /**
   * Carries one call. Resolves with the message once the status is OK (single response), or with
   * an async iterable at response headers or the first message (streamed); rejects with an
   * `RpcError`. `extra` is metadata that is sent with this attempt and not kept in the call.
   */
  invoke(call: ClientCall, extra?: Metadata): Promise<Payload>;
  /** Takes no new call, and closes when those in flight are over. */
  drain(): void;
  /** Closes at once; calls in flight fail with UNAVAILABLE. */
  close(): void;
}

export interface ListenOptions {
  readonly runtime: CallRuntime;
  readonly credentials: ServerCredentials;
  readonly limits: Limits;
  /** Concurrent streams a connection may open. Default 256. */
  readonly maxConcurrentStreams: number;
  /** TLS handshake and HTTP/2 preface, in ms. Default 10 000. */
  readonly handshakeTimeoutMs: number;
  readonly connections: ConnectionLimits;
  readonly floods: FloodLimits;
}

/** How long connections live and how many there are. `Infinity` sets no bound. */
export interface ConnectionLimits {
  /**
   * Age at which a connection is told to go elsewhere, in ms, ±10 % at random, so that clients
   * find new replicas and do not all come back at once (A9). Default 1 800 000.
   */
  readonly maxAgeMs: number;
  /** How long its calls may still take then, in ms; what is left is cut off. Default 30 000. */
  readonly ageGraceMs: number;
  /** How long a connection may be without a call, in ms. Default 300 000. */
  readonly idleMs: number;
  /** Connections that one address may have open; a further one is closed. Default `Infinity`. */
  readonly maxPerAddress: number;
}

export const DEFAULT_CONNECTIONS: ConnectionLimits = Object.freeze({
  maxAgeMs: 1_800_000,
  ageGraceMs: 30_000,
  idleMs: 300_000,
  maxPerAddress: Number.POSITIVE_INFINITY,
});

/**
 * What a peer may waste of a server before its connection is ended, with all calls on it.
 * nghttp2, below Node, bounds CONTINUATION frames a header block (8), and PINGs and SETTINGS that
 * the peer sends faster than it reads their answers (1 000), by itself.
 */
export interface FloodLimits {
  /**
   * Calls that a peer may reset at once (CVE-2023-44487). Cancelled calls and hedges that lost
   * count, too, so nghttp2's own 1 000 at once and 33 a second would end connections of honest
   * peers. Default 2 000.
   */
  readonly resetBurst: number;
  /** Calls that a peer may reset a second in the long run. Default 1 000. */
  readonly resetsPerSecond: number;
  /** Frames that break the protocol, and empty DATA frames that end nothing. Default 1 000. */
  readonly invalidFrames: number;
  /** Streams opened above `maxConcurrentStreams` before the peer knew better. Default 100. */
  readonly rejectedStreams: number;
  /** Settings in one SETTINGS frame. Default 32. */
  readonly settingsEntries: number;
}

export const DEFAULT_FLOODS: FloodLimits = Object.freeze({
  resetBurst: 2_000,
  resetsPerSecond: 1_000,
  invalidFrames: 1_000,
  rejectedStreams: 100,
  settingsEntries: 32,
});

/** An open listener. It is drained by `sayGoodbye`, then `closed`; `close` cuts that short. */
export interface Listener {
  /** The address it got: the port is the real one where 0 was asked for. */
  readonly address: Address;
  /** Connections that are open. */
  readonly connections: number;
  /**
   * Stops accepting and tells peers to go elsewhere. Resolves once each knows the last call it
   * may send. Calls in flight go on.
   */
  sayGoodbye(): Promise<void>;
  /** Resolves once the listener has closed and every connection with it. */
  closed(): Promise<void>;
  /** Ends everything now; statuses that were just sent still go out, within a moment. */
  close(): Promise<void>;
}

/** Called by a listener for each call at its headers, known method or not. */
export type Dispatch = (wire: ServerWire) => void;

/** Who is at the other end of a connection. */
export interface Peer {
  /** `host:port`, or `unix:PATH`, or `in-memory`. */
  readonly address: string;
  readonly secure: boolean;
  /** The verified client certificate of mTLS. */
  readonly certificate: PeerCertificate | undefined;
}

export interface PeerCertificate {
  /** The subject's common name, when there is one. */
  readonly commonName: string | undefined;
  /** Subject alternative names: `DNS:a`, `URI:spiffe://…`. */
  readonly subjectAltNames: readonly string[];
  /** SHA-256 of the certificate, as hex with colons. */
  readonly fingerprint256: string;
}

/** The server's end of one call, in bytes. */
export interface ServerWire {
  readonly path: string;
  readonly authority: string;
  readonly peer: Peer;
  /** The raw `grpc-timeout`, undefined when none was sent. */
  readonly timeout: string | undefined;
  /** A status that refuses the call before any layer sees its content: bad headers. */
  readonly refused: CallStatus | undefined;
  /** Request headers, converted on demand; those of the protocol itself are left out. */
  readHeaders(): Metadata;
  /** Who gets messages, half-close and failure. Set once, before the first `pull`. */
  receive(receiver: WireReceiver): void;
  /** Asks for one message or the half-close. */
  pull(): void;
  sendHeaders(metadata: Metadata | undefined): void;
  /** Returns a promise when the peer must be waited for, undefined when there is room. */
  sendMessage(bytes: Uint8Array): Promise<void> | undefined;
  /**
   * Ends the call, with a last message when there is one; the first status counts. UNAVAILABLE
   * that nobody processed, where nothing was sent, goes out so that the client knows that: as a
   * refused stream.
   */
  sendStatus(status: CallStatus, last?: Uint8Array): void;
}

export interface WireReceiver {
  /** `wireBytes`: how large it was on the wire, where it came compressed. */
  message(bytes: Uint8Array, wireBytes?: number): void;
  halfClose(): void;
  /** The peer went away, or sent what is no gRPC: nothing more will arrive. */
  failed(status: CallStatus): void;
}
