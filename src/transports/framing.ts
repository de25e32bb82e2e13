import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';

/** A gRPC length-prefixed message: one flag byte, four bytes of length, the message. */
const PREFIX_BYTES = 5;

export interface Frame {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

/** Puts the length prefix before a message. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** What a stream of bytes got wrong, with the status that says so. */
export class FramingError extends Error {
  readonly status: CallStatus;

  constructor(status: CallStatus) {
    super(status.details);
    this.status = status;
  }
}

/** Cuts a stream of bytes into frames. A whole frame in one chunk is not copied. */
export class Deframer {
  private readonly maxBytes: number;
  private chunks: Uint8Array[] = [];
  private length = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** True in the middle of a frame, where a stream must not end. */
  get partial(): boolean {
    return this.length > 0;
  }

  /** Takes the next bytes and returns the frames they complete. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let bytes = chunk;
    if (this.length > 0) {
      this.chunks.push(chunk);
      this.length += chunk.length;
      const needed = this.neededBytes();
      if (needed === undefined || this.length < needed) return frames;
      bytes = Buffer.concat(this.chunks, this.length);
      this.chunks = [];
      this.length = 0;
    }
    let offset = 0;
    while (bytes.length - offset >= PREFIX_BYTES) {
      const end = offset + PREFIX_BYTES + this.readLength(bytes, offset);
      if (bytes.length < end) break;
      frames.push({
        compressed: bytes[offset] === 1,
        bytes: bytes.subarray(offset + PREFIX_BYTES, end),
      });
      offset = end;
    }
    if (offset < bytes.length) {
      this.chunks.push(bytes.subarray(offset));
      this.length = bytes.length - offset;
    }
    return frames;
  }

  /** How many bytes the frame at the front takes, once its prefix is here. */
  private neededBytes(): number | undefined {
    if (this.length < PREFIX_BYTES) return undefined;
    if ((this.chunks[0]?.length ?? 0) < PREFIX_BYTES) {
      this.chunks = [Buffer.concat(this.chunks, this.length)];
    }
    return PREFIX_BYTES + this.readLength(this.chunks[0] as Uint8Array, 0);
  }

  private readLength(bytes: Uint8Array, offset: number): number {
    const flag = bytes[offset] as number;
    if (flag > 1) {
      throw new FramingError({
        code: Status.INTERNAL,
        details: `A message starts with flag ${flag}; gRPC knows 0 and 1`,
      });
    }
    const length =
      (bytes[offset + 1] as number) * 0x1000000 +
      (((bytes[offset + 2] as number) << 16) |
        ((bytes[offset + 3] as number) << 8) |
        (bytes[offset + 4] as number));
    if (length > this.maxBytes) {
      throw new FramingError({
        code: Status.RESOURCE_EXHAUSTED,
        details: `A message of ${length} bytes is over the limit of ${this.maxBytes}`,
      });
    }
    return length;
  }
}
