import * as grpc from '@grpc/grpc-js';
import { Metadata } from 'nice-grpc-common';

/** Metadata as grpc-js has it. */
export function toGrpcJs(metadata: Metadata | undefined): grpc.Metadata {
  const converted = new grpc.Metadata();
  for (const [name, values] of metadata ?? []) {
    for (const value of values) {
      converted.add(name, typeof value === 'string' ? value : Buffer.from(value));
    }
  }
  return converted;
}

/** Metadata of grpc-js as the tests look at it. */
export function fromGrpcJs(metadata: grpc.Metadata): Metadata {
  const converted = Metadata();
  for (const name of Object.keys(metadata.getMap())) {
    for (const value of metadata.get(name)) converted.append(name, value);
  }
  return converted;
}
