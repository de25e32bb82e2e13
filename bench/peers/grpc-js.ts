import {
  Client,
  credentials,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

import {
  type BidiRequest,
  type BidiResponse,
  type MessageFns,
  type ServerStreamRequest,
  type ServerStreamResponse,
  ShapesServiceDefinition,
  type UnaryRequest,
  type UnaryResponse,
} from '../../generated/inboard/testing/v1/shapes.ts';
import type { Peer, PeerClient, PeerServer } from './peer.ts';

const { methods } = ShapesServiceDefinition;
const unaryMethod = describe(methods.unary);
const serverStreamMethod = describe(methods.serverStream);
const bidiMethod = describe(methods.bidi);

/** Raw @grpc/grpc-js with its default options: the base of every ratio. */
export const grpcJs: Peer = { startServer, connect };

interface TypedMethod<Request, Response> {
  readonly name: string;
  readonly requestType: MessageFns<Request>;
  readonly requestStream: boolean;
  readonly responseType: MessageFns<Response>;
  readonly responseStream: boolean;
}

function describe<Request, Response>(
  method: TypedMethod<Request, Response>,
): MethodDefinition<Request, Response> {
  const { requestType, responseType } = method;
  return {
    path: `/${ShapesServiceDefinition.fullName}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (message) => asBuffer(requestType.encode(message).finish()),
    requestDeserialize: (bytes) => requestType.decode(bytes),
    responseSerialize: (message) => asBuffer(responseType.encode(message).finish()),
    responseDeserialize: (bytes) => responseType.decode(bytes),
  };
}

/** A view, not a copy: the base must be as fast as it can be. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const implementation = {
  unary(
    call: ServerUnaryCall<UnaryRequest, UnaryResponse>,
    respond: sendUnaryData<UnaryResponse>,
  ): void {
    respond(null, { sample: call.request.sample });
  },

  serverStream(call: ServerWritableStream<ServerStreamRequest, ServerStreamResponse>): void {
    const { count, sample } = call.request;
    let index = 0;
    const write = (): void => {
      while (index < count) {
        if (!call.write({ index: index++, sample })) {
          call.once('drain', write);
          return;
        }
      }
      call.end();
    };
    write();
  },

  bidi(call: ServerDuplexStream<BidiRequest, BidiResponse>): void {
    let index = 0;
    call.on('data', ({ sample }: BidiRequest) => {
      if (call.write({ index: index++, sample })) return;
      call.pause();
      call.once('drain', () => call.resume());
    });
    call.on('end', () => call.end());
  },
} satisfies UntypedServiceImplementation;

async function startServer(): Promise<PeerServer> {
  const server = new Server();
  server.addService(
    { unary: unaryMethod, serverStream: serverStreamMethod, bidi: bidiMethod },
    implementation,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, close: async () => server.forceShutdown() };
}

async function connect(port: number): Promise<PeerClient> {
  // A subchannel pool of its own gives each client a connection of its own.
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  return {
    unary: (request) => callUnary(client, request),
    serverStream: (request, onMessage) => readStream(client, request, onMessage),
    bidi: (first, onMessage) => takeTurns(client, first, onMessage),
    close: async () => client.close(),
  };
}

function callUnary(client: Client, request: UnaryRequest): Promise<UnaryResponse> {
  const { path, requestSerialize, responseDeserialize } = unaryMethod;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      (error, response) => {
        if (response === undefined) reject(error ?? new Error('neither an error nor a response'));
        else resolve(response);
      },
    );
  });
}

function readStream(
  client: Client,
  request: ServerStreamRequest,
  onMessage: (message: ServerStreamResponse) => void,
): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = serverStreamMethod;
  return new Promise((resolve, reject) => {
    const call = client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
    );
    call.on('data', onMessage);
    call.on('end', resolve);
    call.on('error', reject);
  });
}

function takeTurns(
  client: Client,
  first: BidiRequest,
  onMessage: (message: BidiResponse) => BidiRequest | undefined,
): Promise<void> {
  const { path, requestSerialize, responseDeserialize } = bidiMethod;
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.on('data', (response: BidiResponse) => {
      const next = onMessage(response);
      if (next === undefined) call.end();
      else call.write(next);
    });
    call.on('end', resolve);
    call.on('error', reject);
    call.write(first);
  });
}
