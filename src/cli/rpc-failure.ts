import type { ErrorDetail } from '../index.ts';
import { errorDetails, RpcError, Status } from '../index.ts';
import { CliFailure, EXIT } from './failure.ts';
import { jsonLine } from './output.ts';

/** A detail as it is shown: its type's full name, and its fields. */
export interface ShownDetail {
  readonly type: string;
  readonly value: unknown;
}

/** Reads a detail that is of no standard type; undefined where nobody knows its type. */
export type DetailReader = (typeUrl: string, bytes: Uint8Array) => unknown;

/**
 * A failed call in words: status, message, details, what to do next. What is no failed call stays
 * as it is.
 */
export function explainFailure(
  error: unknown,
  target: string | undefined,
  read: DetailReader = () => undefined,
): unknown {
  if (!(error instanceof RpcError)) return error;
  const details = errorDetails(error).map((detail) => show(detail, read));
  const status = Status[error.code] ?? 'UNKNOWN';
  const lines = details.map(({ type, value }) => `\n  ${type}: ${jsonLine(value)}`);
  return new CliFailure(`${status} (${error.code}): ${error.details}${lines.join('')}`, {
    exitCode: EXIT.status + error.code,
    hint: hintFor(error, target),
    fields: {
      status,
      code: error.code,
      details: JSON.parse(jsonLine(details)) as unknown,
    },
  });
}

function show(detail: ErrorDetail, read: DetailReader): ShownDetail {
  if (detail.type !== 'unknown') return { type: `google.rpc.${detail.type}`, value: detail.value };
  const { typeUrl, value } = detail;
  return {
    type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
    value: read(typeUrl, value) ?? value,
  };
}

function hintFor(error: RpcError, target: string | undefined): string | undefined {
  const { code, details } = error;
  if (code === Status.UNAVAILABLE && error.processed === 'no' && target !== undefined) {
    const tls = /certificate|TLS|SSL|handshake|CERT_/i.test(details)
      ? 'The certificate is the matter: see --cacert, --servername, --cert and --key.'
      : 'For a server without TLS add --plaintext; for one with TLS on loopback, --tls.';
    return `Is a gRPC server up at ${target}? ${tls}`;
  }
  if (code === Status.UNKNOWN && details.startsWith('Internal error ')) {
    return "The server's log has the rest under this id.";
  }
  if (code === Status.UNAUTHENTICATED) return "Send credentials: -H 'authorization: Bearer TOKEN'.";
  if (code === Status.DEADLINE_EXCEEDED) return 'Give it longer: --timeout 1m.';
  return undefined;
}
