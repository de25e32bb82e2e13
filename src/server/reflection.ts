import { readFile } from 'node:fs/promises';

import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { ConfigError, describe } from '../core/errors.ts';
import type { Method } from '../core/method.ts';
import { shapeOf, splitPath } from '../core/method.ts';

/** What `grpc.reflection.v1` needs to answer. */
export interface ReflectionOptions {
  /**
   * A FileDescriptorSet, or the path of one:
   * `buf build --as-file-descriptor-set -o generated/descriptors.binpb`.
   */
  readonly descriptors: Uint8Array | string;
  /** Serve it on listeners that other machines reach too. Default false: loopback only. */
  readonly everywhere?: boolean;
}

/** The reflection service's methods, whose library brings grpc-js definitions of its own. */
export async function reflectionMethods(): Promise<Method[]> {
  const { ServerReflectionService } = await import('nice-grpc-server-reflection');
  return Object.entries(ServerReflectionService).map(([key, method]) => {
    const { service, method: name } = splitPath(method.path);
    const { requestStream, responseStream } = method;
    return {
      path: method.path,
      service,
      name,
      key,
      shape: shapeOf(requestStream, responseStream),
      requestStream,
      responseStream,
      idempotency: undefined,
      known: true,
      request: {
        encode: (message): Uint8Array => method.requestSerialize(message),
        decode: (bytes): unknown => method.requestDeserialize(Buffer.from(bytes)),
      },
      response: {
        encode: (message): Uint8Array => method.responseSerialize(message),
        decode: (bytes): unknown => method.responseDeserialize(Buffer.from(bytes)),
      },
    };
  });
}

/** A descriptor set as bytes, wherever it is. */
export async function readDescriptors({ descriptors }: ReflectionOptions): Promise<Uint8Array> {
  return typeof descriptors === 'string' ? readFile(descriptors) : descriptors;
}

/** The reflection service over a descriptor set, naming the services that are served. */
export async function reflectionService(
  options: ReflectionOptions,
  services: readonly string[],
): Promise<object> {
  const { ServerReflection } = await import('nice-grpc-server-reflection');
  const { descriptors } = options;
  try {
    const bytes = await readDescriptors(options);
    // A tool that is told of a service asks for its descriptor: what is not there is not told.
    const described = describedServices(bytes);
    return ServerReflection(
      bytes,
      services.filter((service) => described.has(service)),
    );
  } catch (error) {
    const where = typeof descriptors === 'string' ? `'${descriptors}'` : 'the given bytes';
    throw new ConfigError(
      `The descriptors for reflection cannot be read from ${where}: ${describe(error)}. ` +
        'Make them with: buf build --as-file-descriptor-set -o descriptors.binpb',
      { cause: error },
    );
  }
}

/** The full names of the services in a descriptor set. */
function describedServices(bytes: Uint8Array): Set<string> {
  const { file } = fromBinary(FileDescriptorSetSchema, bytes);
  if (file.length === 0) throw new Error('it holds no file');
  return new Set(
    file.flatMap((each) => each.service.map(({ name }) => [each.package, name].join('.'))),
  );
}
