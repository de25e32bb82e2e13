import { gunzip, inflate } from 'node:zlib';

import { describe } from '../core/errors.ts';
import { Status } from '../core/status.ts';
import { FramingError } from './framing.ts';

/** Message encodings that a receiver here understands, for `grpc-accept-encoding`. */
export const ACCEPTED_ENCODINGS = 'identity,deflate,gzip';

/**
 * Decompresses one message. The limit holds for the result too, so that a small bomb does not
 * become a large one.
 */
export function decompress(
  bytes: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  const run = encoding === 'gzip' ? gunzip : encoding === 'deflate' ? inflate : undefined;
  if (run === undefined) return Promise.reject(unsupported(encoding));
  return new Promise((resolve, reject) => {
    run(bytes, { maxOutputLength: maxBytes }, (error, result) => {
      if (error === null) resolve(result);
      else reject(failure(error, maxBytes));
    });
  });
}

function unsupported(encoding: string | undefined): FramingError {
  if (encoding === undefined || encoding === 'identity') {
    const details = 'A message is flagged as compressed but no grpc-encoding names how';
    return new FramingError({ code: Status.INTERNAL, details });
  }
  const details = `Message encoding '${encoding}' is not supported; ${ACCEPTED_ENCODINGS} are`;
  return new FramingError({ code: Status.UNIMPLEMENTED, details });
}

function failure(error: NodeJS.ErrnoException, maxBytes: number): FramingError {
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    const details = `A message decompresses to more than the limit of ${maxBytes} bytes`;
    return new FramingError({ code: Status.RESOURCE_EXHAUSTED, details });
  }
  const details = `A message cannot be decompressed: ${describe(error)}`;
  return new FramingError({ code: Status.INTERNAL, details });
}
