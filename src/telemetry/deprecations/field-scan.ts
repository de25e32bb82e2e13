import type { MethodDeprecation } from '../../core/deprecation.ts';

const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;

/** How deep messages are looked into: generated code decodes none that are deeper. */
const MAX_DEPTH = 100;

interface Field {
  /** Its place among the deprecated fields; undefined where it is not deprecated. */
  readonly place: number | undefined;
  readonly holds: Message | undefined;
}

/** By numbers of fields: only those that matter. */
type Message = ReadonlyMap<number, Field>;

const NOTHING: Message = new Map();

/**
 * Finds the deprecated fields that a request sets, by their numbers on the wire. Decoded messages
 * have other names and shapes with each option of ts-proto, and do not tell a field that was sent
 * from one that was not; tags tell it exactly. It steps over values and decodes none of them.
 */
export class FieldScan {
  /** The full names of the deprecated fields, such as `orders.v1.GetOrderRequest.customer`. */
  readonly names: readonly string[];
  private readonly root: Message;
  /** Which of them the message at hand sets; made once. */
  private readonly found: Uint8Array;

  constructor({ type, messages }: NonNullable<MethodDeprecation['request']>) {
    const names: string[] = [];
    const byType = new Map(
      Object.keys(messages).map((name) => [name, new Map<number, Field>()] as const),
    );
    for (const [name, fields] of byType) {
      for (const [number, field] of Object.entries(messages[name] ?? {})) {
        fields.set(Number(number), {
          place: field.name === undefined ? undefined : names.push(`${name}.${field.name}`) - 1,
          holds: field.holds === undefined ? undefined : byType.get(field.holds),
        });
      }
    }
    this.names = names;
    this.root = byType.get(type) ?? NOTHING;
    this.found = new Uint8Array(names.length);
  }

  /** Tells the place in `names` of each field that is set in a message, once. */
  find(bytes: Uint8Array, tell: (place: number) => void): void {
    const { found } = this;
    found.fill(0);
    scan(new Cursor(bytes), bytes.length, this.root, found, 0);
    for (const [place, set] of found.entries()) if (set === 1) tell(place);
  }
}

/** Reads up to `end`, or the end of the group that it is in. */
function scan(
  cursor: Cursor,
  end: number,
  message: Message,
  found: Uint8Array,
  depth: number,
): void {
  while (cursor.at < end) {
    const tag = cursor.varint();
    const field = message.get(tag >>> 3);
    if (field?.place !== undefined) found[field.place] = 1;
    const holds = field?.holds;
    switch (tag & 7) {
      case LENGTH_DELIMITED: {
        const length = cursor.varint();
        const after = Math.min(cursor.at + length, end);
        if (holds !== undefined && depth < MAX_DEPTH) {
          scan(cursor, after, holds, found, depth + 1);
        }
        cursor.at = after;
        break;
      }
      case START_GROUP:
        // Only its own end says where it ends.
        if (depth === MAX_DEPTH) cursor.stop();
        else scan(cursor, end, holds ?? NOTHING, found, depth + 1);
        break;
      case END_GROUP:
        return;
      default:
        cursor.skip(tag & 7);
    }
  }
}

/**
 * A place in the bytes of a message that was decoded without fault. What is malformed all the same
 * ends it: it never throws, and never goes back.
 */
class Cursor {
  at = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  stop(): void {
    this.at = this.bytes.length;
  }

  /** The lower 32 bits of a varint. */
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return 0;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  /** Steps over a value that has no length of its own. */
  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 1) this.at += 8;
    else if (wireType === 5) this.at += 4;
    else this.stop();
  }
}
