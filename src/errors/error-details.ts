import { ClientError, Metadata, ServerError } from 'nice-grpc-common';

import type { MessageType } from '../core/definition.ts';
import { RpcError } from '../core/errors.ts';
import type { Status } from '../core/status.ts';
import {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from '../../generated/google/rpc/error_details.ts';
import { Status as RpcStatus } from '../../generated/google/rpc/status.ts';

/** The standard detail messages of google/rpc/error_details.proto. */
interface Types {
  readonly BadRequest: typeof BadRequest;
  readonly DebugInfo: typeof DebugInfo;
  readonly ErrorInfo: typeof ErrorInfo;
  readonly Help: typeof Help;
  readonly LocalizedMessage: typeof LocalizedMessage;
  readonly PreconditionFailure: typeof PreconditionFailure;
  readonly QuotaFailure: typeof QuotaFailure;
  readonly RequestInfo: typeof RequestInfo;
  readonly ResourceInfo: typeof ResourceInfo;
  readonly RetryInfo: typeof RetryInfo;
}

const TYPES: Types = {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  Help,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
};

type DetailName = keyof Types;

const PREFIX = 'type.googleapis.com/google.rpc.';

/** The trailer that carries `google.rpc.Status`. */
const TRAILER = 'grpc-status-details-bin';

/** A detail to send: `{ type: 'BadRequest', value: { fieldViolations: [...] } }`. */
export type ErrorDetailInput = {
  [K in DetailName]: { readonly type: K; readonly value: Parameters<Types[K]['fromPartial']>[0] };
}[DetailName];

/** A detail received; one of a type not standard comes as bytes under its type URL. */
export type ErrorDetail =
  | {
      [K in DetailName]: { readonly type: K; readonly value: ReturnType<Types[K]['decode']> };
    }[DetailName]
  | { readonly type: 'unknown'; readonly typeUrl: string; readonly value: Uint8Array };

/** What a handler throws to fail with typed details (google.rpc.Status, AIP-193). */
export class RichServerError extends ServerError {
  readonly errorDetails: readonly ErrorDetailInput[];
  /** Trailers of the failed call. */
  readonly metadata: Metadata;

  constructor(code: Status, message: string, details: readonly ErrorDetailInput[]) {
    super(code, message);
    this.name = 'RichServerError';
    this.errorDetails = details;
    this.metadata = detailsTrailer(code, message, details);
  }
}

/** The trailers that carry details. */
export function detailsTrailer(
  code: Status,
  message: string,
  details: readonly ErrorDetailInput[],
): Metadata {
  const packed = details.map(({ type, value }) => {
    const codec: MessageType = TYPES[type];
    const bytes = codec.encode(codec.fromPartial(value as never) as never).finish();
    return { typeUrl: PREFIX + type, value: Buffer.from(bytes) };
  });
  const bytes = RpcStatus.encode({ code, message, details: packed }).finish();
  return Metadata({ [TRAILER]: bytes });
}

/** The typed details of a failed call; empty when it has none, or none that can be read. */
export function errorDetails(error: unknown): readonly ErrorDetail[] {
  if (!(error instanceof ClientError) || !(error instanceof RpcError)) return [];
  const bytes = error.metadata.get(TRAILER);
  if (bytes === undefined) return [];
  try {
    return RpcStatus.decode(bytes).details.map(({ typeUrl, value }) => unpack(typeUrl, value));
  } catch {
    // A peer's broken details must not hide the error that they belong to.
    return [];
  }
}

/** The first detail of a type, or undefined. */
export function findErrorDetail<K extends DetailName>(
  error: unknown,
  type: K,
): ReturnType<Types[K]['decode']> | undefined {
  const found = errorDetails(error).find((detail) => detail.type === type);
  return found?.value as ReturnType<Types[K]['decode']> | undefined;
}

function unpack(typeUrl: string, value: Uint8Array): ErrorDetail {
  const name = typeUrl.startsWith(PREFIX) ? typeUrl.slice(PREFIX.length) : '';
  if (!Object.hasOwn(TYPES, name)) return { type: 'unknown', typeUrl, value };
  const type = name as DetailName;
  return { type, value: TYPES[type].decode(value) } as ErrorDetail;
}
