import type { EventEmitter } from 'node:events';
import { once } from 'node:events';

import * as grpc from '@grpc/grpc-js';
import type { CallContext } from 'nice-grpc-common';
import { Metadata } from 'nice-grpc-common';

import type { ShapesServiceImplementation } from '../../generated/inboard/testing/v1/shapes.ts';
import { fromGrpcJs, toGrpcJs } from './grpc-js-metadata.ts';
import type { Message } from './stock-definition.ts';
import { stockDefinition } from './stock-definition.ts';

/** What a handler of these tests is told, whatever server runs it. */
export interface PeerContext {
  /** Milliseconds to the deadline that came; undefined where the server does not tell. */
  readonly remainingMs?: () => number;
}

export type PeerService = ShapesServiceImplementation<PeerContext>;

type Handler = (request: unknown, context: CallContext & PeerContext) => unknown;
type Readable =
  | grpc.ServerReadableStream<Message, Message>
  | grpc.ServerDuplexStream<Message, Message>;
type Writable =
  | grpc.ServerWritableStream<Message, Message>
  | grpc.ServerDuplexStream<Message, Message>;
type Call = grpc.ServerUnaryCall<Message, Message> | Readable | Writable;
type Callback = grpc.sendUnaryData<Message>;

export interface StockServerOptions {
  /** Default: plaintext. */
  readonly credentials?: grpc.ServerCredentials;
  /** Adds what else it is to serve. */
  readonly prepare?: (server: grpc.Server) => void;
}

/** The server of grpc-js itself, with handlers as all servers of these tests have them. */
export async function stockServer(
  service: PeerService,
  options: StockServerOptions = {},
): Promise<{ readonly port: number; stop(): void }> {
  const server = new grpc.Server();
  const single = (handler: Handler) => (call: Call, callback: Callback) => {
    void runSingle(handler, call, callback);
  };
  const streamed = (handler: Handler) => (call: Writable) => {
    void runStreamed(handler, call);
  };
  const handlers = service as unknown as Readonly<Record<keyof PeerService, Handler>>;
  server.addService(stockDefinition, {
    unary: single((...told) => handlers.unary(...told)),
    unarySafe: single((...told) => handlers.unarySafe(...told)),
    clientStream: single((...told) => handlers.clientStream(...told)),
    serverStream: streamed((...told) => handlers.serverStream(...told)),
    bidi: streamed((...told) => handlers.bidi(...told)),
  });
  options.prepare?.(server);
  const credentials = options.credentials ?? grpc.ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: () => server.forceShutdown() };
}

interface StockContext extends CallContext, Required<PeerContext> {}

function contextOf(call: Call): StockContext {
  const controller = new AbortController();
  (call as EventEmitter).on('cancelled', () => controller.abort());
  const header = Metadata();
  let sent = false;
  return {
    metadata: fromGrpcJs(call.metadata),
    peer: call.getPeer(),
    header,
    trailer: Metadata(),
    signal: controller.signal,
    sendHeader() {
      if (!sent) call.sendMetadata(toGrpcJs(header));
      sent = true;
    },
    remainingMs: () => Number(call.getDeadline()) - Date.now(),
  };
}

/** The request as a handler reads it; to stop reading must not end the response. */
function requestOf(call: Call): unknown {
  if ('request' in call) return call.request;
  return call.iterator({ destroyOnReturn: false });
}

async function runSingle(handler: Handler, call: Call, callback: Callback): Promise<void> {
  const context = contextOf(call);
  try {
    const response = (await handler(requestOf(call), context)) as Message;
    context.sendHeader();
    callback(null, response, toGrpcJs(context.trailer));
  } catch (error) {
    callback(statusOf(error, context));
  }
}

async function runStreamed(handler: Handler, call: Writable): Promise<void> {
  const context = contextOf(call);
  const aborted = once(context.signal, 'abort');
  try {
    for await (const message of handler(requestOf(call), context) as AsyncIterable<Message>) {
      context.sendHeader();
      if (!call.write(message)) await Promise.race([once(call, 'drain'), aborted]);
      if (context.signal.aborted) break;
    }
    context.sendHeader();
    call.end(toGrpcJs(context.trailer));
  } catch (error) {
    call.emit('error', statusOf(error, context));
  }
}

function statusOf(error: unknown, context: CallContext): grpc.StatusObject {
  const { code = grpc.status.UNKNOWN, details = String(error) } =
    error as Partial<grpc.StatusObject>;
  return { code: code, details, metadata: toGrpcJs(context.trailer) };
}
