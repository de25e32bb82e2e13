import type * as grpc from '@grpc/grpc-js';

import { LabServiceDefinition } from '../../../generated/inboard/testing/v1/lab.ts';

type Methods = typeof LabServiceDefinition.methods;

/** A request of any method; fields that a method does not have are left away. */
export interface StockRequest {
  readonly id: string;
  readonly expiresAtMs?: number;
  readonly workMs?: readonly number[];
}

export interface StockResponse {
  readonly server: string;
}

export type StockMethod = grpc.MethodDefinition<StockRequest, StockResponse>;

/** The lab's service as stock grpc-js wants one to be defined. */
export const stockDefinition = Object.fromEntries(
  Object.entries(LabServiceDefinition.methods).map(([key, method]) => [key, define(method)]),
) as { readonly [K in keyof Methods]: StockMethod };

interface Type<T> {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(message: object): unknown;
}

function define(method: Methods[keyof Methods]): StockMethod {
  const { name, requestStream, responseStream } = method;
  const requestType = method.requestType as Type<StockRequest>;
  const responseType = method.responseType as Type<StockResponse>;
  return {
    path: `/${LabServiceDefinition.fullName}/${name}`,
    requestStream,
    responseStream,
    requestSerialize: (message) => encode(requestType, message),
    requestDeserialize: (bytes) => requestType.decode(bytes),
    responseSerialize: (message) => encode(responseType, message),
    responseDeserialize: (bytes) => responseType.decode(bytes),
  };
}

function encode(type: Type<unknown>, message: object): Buffer {
  return Buffer.from(type.encode(type.fromPartial(message)).finish());
}
