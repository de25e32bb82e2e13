import { once } from 'node:events';
import type { Readable } from 'node:stream';

import * as grpc from '@grpc/grpc-js';
import type { CallOptions } from 'nice-grpc-common';

import type { ShapesServiceClient } from '../../generated/inboard/testing/v1/shapes.ts';
import { fromGrpcJs, toGrpcJs } from './grpc-js-metadata.ts';
import type { Message } from './stock-definition.ts';
import { stockDefinition } from './stock-definition.ts';

export interface Deadlined {
  readonly timeoutMs?: number;
}

export type PeerClient = ShapesServiceClient<Deadlined>;

type Options = CallOptions & Deadlined;
type Requests = AsyncIterable<Message>;
type Writable = grpc.ClientWritableStream<Message> | grpc.ClientDuplexStream<Message, Message>;

/** The client of grpc-js itself, called in the way that all clients of these tests are. */
export function stockClient(
  port: number,
  options: grpc.ClientOptions = {},
): PeerClient & Disposable {
  const target = `127.0.0.1:${port}`;
  const client = new grpc.Client(target, grpc.credentials.createInsecure(), options);
  const { unary, unarySafe, clientStream, serverStream, bidi } = stockDefinition;
  const methods = {
    unary: (request: Message, given?: Options) => callUnary(client, unary, request, given),
    unarySafe: (request: Message, given?: Options) => callUnary(client, unarySafe, request, given),
    clientStream: (requests: Requests, given?: Options) =>
      callClientStream(client, clientStream, requests, given),
    serverStream: (request: Message, given: Options = {}) => {
      const { path, requestSerialize, responseDeserialize } = serverStream;
      const call = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        ...callOptions(given),
      );
      return responses(watch(call, given), () => undefined);
    },
    bidi: (requests: Requests, given: Options = {}) => {
      const { path, requestSerialize, responseDeserialize } = bidi;
      const call = client.makeBidiStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        ...callOptions(given),
      );
      return responses(watch(call, given), () => send(requests, call));
    },
    [Symbol.dispose]: () => client.close(),
  };
  return methods as unknown as PeerClient & Disposable;
}

function callOptions({ metadata, timeoutMs }: Options): [grpc.Metadata, grpc.CallOptions] {
  const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
  return [toGrpcJs(metadata), options];
}

/** Tells the caller of headers and trailers, and lets the signal cancel. */
function watch<C extends grpc.Call>(call: C, given: Options): C {
  call.on('metadata', (metadata: grpc.Metadata) => given.onHeader?.(fromGrpcJs(metadata)));
  call.on('status', ({ metadata }: grpc.StatusObject) => given.onTrailer?.(fromGrpcJs(metadata)));
  given.signal?.addEventListener('abort', () => call.cancel());
  return call;
}

function callUnary(
  client: grpc.Client,
  method: grpc.MethodDefinition<Message, Message>,
  request: Message,
  given: Options = {},
): Promise<Message> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      ...callOptions(given),
      (error, response) => (error === null ? resolve(response as Message) : reject(error)),
    );
    watch(call, given);
  });
}

function callClientStream(
  client: grpc.Client,
  method: grpc.MethodDefinition<Message, Message>,
  requests: Requests,
  given: Options = {},
): Promise<Message> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      ...callOptions(given),
      (error, response) => (error === null ? resolve(response as Message) : reject(error)),
    );
    send(requests, watch(call, given));
  });
}

/** Writes requests no faster than they are taken, until the call is over. */
function send(requests: Requests, call: Writable): void {
  const over = once(call, 'status');
  const iterator = requests[Symbol.asyncIterator]();
  const pump = async (): Promise<void> => {
    for (;;) {
      const next = await Promise.race([iterator.next(), over]);
      if (Array.isArray(next)) break;
      if (next.done === true) {
        call.end();
        return;
      }
      if (!call.write(next.value)) await Promise.race([once(call, 'drain'), over]);
    }
    await iterator.return?.();
  };
  pump().catch(() => call.cancel());
}

async function* responses(
  call: grpc.ClientReadableStream<Message> | grpc.ClientDuplexStream<Message, Message>,
  start: () => void,
): AsyncGenerator<Message, void, undefined> {
  start();
  try {
    yield* call as Readable as AsyncIterable<Message>;
  } finally {
    call.cancel();
  }
}
