import type { MethodDeprecation } from './deprecation.ts';
import type { Codec, Method } from './method.ts';
import { shapeOf } from './method.ts';

/** What ts-proto generates for a message, as far as a call needs it. */
export interface MessageType {
  // A concrete message type is only known to generated code, which checks it.
  encode(message: never, ...rest: never[]): { finish(): Uint8Array };
  decode(input: Uint8Array): unknown;
  fromPartial(object: never): unknown;
}

/** One method of ts-proto's `outputServices=generic-definitions`. */
export interface MethodDefinition {
  readonly name: string;
  readonly requestType: MessageType;
  readonly requestStream: boolean;
  readonly responseType: MessageType;
  readonly responseStream: boolean;
  readonly options: {
    readonly idempotencyLevel?: 'IDEMPOTENT' | 'NO_SIDE_EFFECTS';
    /** Options that ts-proto does not know, undecoded, by their tags. */
    readonly _unknownFields?: Readonly<Record<number, unknown>>;
  };
  /** What the options of policy.proto say, as protoc-gen-inboard writes it: a MethodPolicy. */
  readonly policy?: object;
  /** What the contract marks `deprecated`, as protoc-gen-inboard writes it. */
  readonly deprecated?: MethodDeprecation;
}

/** A service as ts-proto's `outputServices=generic-definitions` writes it; nice-grpc's input too. */
export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

/** The facts of every method of a definition, in its order. */
export function methodsOf(definition: ServiceDefinition): Method[] {
  return Object.entries(definition.methods).map(([key, method]) => {
    const { name, requestStream, responseStream, options } = method;
    const { fullName } = definition;
    return {
      path: `/${fullName}/${name}`,
      service: fullName,
      name,
      key,
      shape: shapeOf(requestStream, responseStream),
      requestStream,
      responseStream,
      idempotency: options.idempotencyLevel,
      policy: method.policy,
      deprecated: method.deprecated,
      known: true,
      request: codecOf(method.requestType),
      response: codecOf(method.responseType),
    };
  });
}

/** Fills in what a partial message leaves out, as ts-proto's `encode` needs whole ones. */
function codecOf(type: MessageType): Codec {
  return {
    encode: (message) => type.encode(type.fromPartial(message as never) as never).finish(),
    decode: (bytes) => type.decode(bytes),
  };
}

const NOTHING: Codec = { encode: () => new Uint8Array(), decode: () => undefined };

/** Stands for every path that no contract registered; admission and metrics see one method. */
export function unknownMethod(): Method {
  return {
    path: '/unknown/unknown',
    service: 'unknown',
    name: 'unknown',
    key: 'unknown',
    shape: 'bidi_stream',
    requestStream: true,
    responseStream: true,
    idempotency: undefined,
    known: false,
    request: NOTHING,
    response: NOTHING,
  };
}
