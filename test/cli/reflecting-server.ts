import { readFile } from 'node:fs/promises';

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';

import {
  ServerReflectionRequest,
  ServerReflectionResponse,
} from '../../generated/grpc/reflection/v1/reflection.ts';
import { stockDefinition } from '../interop/stock-definition.ts';

export interface ReflectingServer {
  readonly port: number;
  stop(): void;
}

type Duplex = grpc.ServerDuplexStream<ServerReflectionRequest, object>;

/** The server of grpc-js itself, which echoes one unary method's bytes, with reflection. */
export async function reflectingServer(
  version: 'v1' | 'v1alpha',
  image: string,
  path: string = stockDefinition.unary.path,
): Promise<ReflectingServer> {
  const addReflection = await reflectionOf(version, image);
  const server = new grpc.Server();
  server.addService(
    { echo: echoDefinition(path) },
    {
      echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
        callback(null, call.request),
    },
  );
  addReflection(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, stop: () => server.forceShutdown() };
}

/**
 * Adds reflection as the strictest of servers have it: the one file that was asked for, and none of
 * what it imports.
 */
export async function reflectionOf(
  version: 'v1' | 'v1alpha',
  image: string,
): Promise<(server: grpc.Server) => void> {
  const { file: files } = fromBinary(FileDescriptorSetSchema, await readFile(image));
  return (server) => {
    server.addService(reflectionDefinition(version), {
      info(call: Duplex) {
        call.on('data', (request: ServerReflectionRequest) => {
          call.write({ messageResponse: answer(files, request) });
        });
        call.on('end', () => call.end());
      },
    });
  };
}

function echoDefinition(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  const as = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: as,
    requestDeserialize: as,
    responseSerialize: as,
    responseDeserialize: as,
  };
}

function reflectionDefinition(version: string): grpc.ServiceDefinition {
  return {
    info: {
      path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      requestStream: true,
      responseStream: true,
      requestSerialize: () => Buffer.alloc(0),
      requestDeserialize: (bytes: Buffer) => ServerReflectionRequest.decode(bytes),
      responseSerialize: (message: object) =>
        Buffer.from(
          ServerReflectionResponse.encode(ServerReflectionResponse.fromPartial(message)).finish(),
        ),
      responseDeserialize: () => undefined,
    },
  };
}

function answer(
  files: readonly FileDescriptorProto[],
  { messageRequest }: ServerReflectionRequest,
): ServerReflectionResponse['messageResponse'] {
  if (messageRequest?.$case === 'listServices') {
    const service = [{ name: 'inboard.testing.v1.ShapesService' }];
    return { $case: 'listServicesResponse', value: { service } };
  }
  const found = files.find((file) => {
    if (messageRequest?.$case === 'fileByFilename') return file.name === messageRequest.value;
    return messageRequest?.$case === 'fileContainingSymbol' && declares(file, messageRequest.value);
  });
  if (found === undefined) {
    return { $case: 'errorResponse', value: { errorCode: 5, errorMessage: 'not found' } };
  }
  const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, found));
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto: [bytes] } };
}

function declares(file: FileDescriptorProto, symbol: string): boolean {
  return [...file.service, ...file.messageType, ...file.enumType].some(
    ({ name }) => `${file.package}.${name}` === symbol,
  );
}
