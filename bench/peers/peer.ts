import type {
  BidiRequest,
  BidiResponse,
  ServerStreamRequest,
  ServerStreamResponse,
  UnaryRequest,
  UnaryResponse,
} from '../../generated/inboard/testing/v1/shapes.ts';

/** A server that listens on a port of 127.0.0.1. */
export interface PeerServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A client on one connection of its own. */
export interface PeerClient {
  unary(request: UnaryRequest): Promise<UnaryResponse>;
  /** Calls `onMessage` for each message of the stream and resolves once it has ended well. */
  serverStream(
    request: ServerStreamRequest,
    onMessage: (message: ServerStreamResponse) => void,
  ): Promise<void>;
  /**
   * Sends `first`, then for each response what `onMessage` returns; undefined ends the stream.
   * Messages are handed over by callback and not by iterable, so that a library whose own way is
   * events is not charged for an iterable it does not need.
   */
  bidi(
    first: BidiRequest,
    onMessage: (message: BidiResponse) => BidiRequest | undefined,
  ): Promise<void>;
  close(): Promise<void>;
}

/** One row of the comparison: a library behind the interface that the load generator drives. */
export interface Peer {
  startServer(): Promise<PeerServer>;
  connect(port: number): Promise<PeerClient>;
}
