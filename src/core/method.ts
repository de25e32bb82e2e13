import type { MethodDeprecation } from './deprecation.ts';

/** The four shapes of a gRPC method. */
export type Shape = 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream';

/** A message, or an async iterable of messages: the method's shape says which. */
export type Payload = unknown;

/** `option idempotency_level` of the contract; undefined when the contract says nothing. */
export type Idempotency = 'NO_SIDE_EFFECTS' | 'IDEMPOTENT' | undefined;

/** One message as bytes and back. `encode` takes whatever the user gave, also a partial message. */
export interface Codec {
  encode(message: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

/** What a client's policy for a method depends on. */
export interface MethodFacts {
  /** `package.Service`. */
  readonly service: string;
  /** `Method`. */
  readonly name: string;
  /** `method`, the property of the typed client and of the implementation. */
  readonly key: string;
  readonly shape: Shape;
  readonly idempotency: Idempotency;
  /** What the contract's options say of it, as a MethodPolicy. */
  readonly policy?: object | undefined;
}

/** Static facts of a method, resolved once; shared by every call. */
export interface Method extends MethodFacts {
  /** `/package.Service/Method`, as on the wire. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** What of it the contract marks `deprecated`. */
  readonly deprecated?: MethodDeprecation | undefined;
  /** False for a path that no contract registered here. */
  readonly known: boolean;
  readonly request: Codec;
  readonly response: Codec;
}

/** The halves of `/package.Service/Method`; empty where there is none. */
export function splitPath(path: string): { readonly service: string; readonly method: string } {
  const [, service = '', ...rest] = path.split('/');
  return { service, method: rest.join('/') };
}

/** The shape that two stream flags make. */
export function shapeOf(requestStream: boolean, responseStream: boolean): Shape {
  if (requestStream) return responseStream ? 'bidi_stream' : 'client_stream';
  return responseStream ? 'server_stream' : 'unary';
}
