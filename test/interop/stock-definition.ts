import type * as grpc from '@grpc/grpc-js';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';

type Methods = typeof ShapesServiceDefinition.methods;

/** A message of a request or a response, as far as grpc-js minds. */
export type Message = object;

/** The shapes as grpc-js wants a service to be defined. */
export const stockDefinition = Object.fromEntries(
  Object.entries(ShapesServiceDefinition.methods).map(([key, method]) => [key, define(method)]),
) as { readonly [K in keyof Methods]: grpc.MethodDefinition<Message, Message> };

function define(method: Methods[keyof Methods]): grpc.MethodDefinition<Message, Message> {
  const { name, requestStream, responseStream } = method;
  return {
    path: `/${ShapesServiceDefinition.fullName}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: (message) => encode(method.requestType, message),
    requestDeserialize: (bytes) => method.requestType.decode(bytes),
    responseSerialize: (message) => encode(method.responseType, message),
    responseDeserialize: (bytes) => method.responseType.decode(bytes),
  };
}

interface Type {
  encode(message: unknown): { finish(): Uint8Array };
  fromPartial(message: object): unknown;
}

function encode(type: Type, message: object): Buffer {
  return Buffer.from(type.encode(type.fromPartial(message)).finish());
}
