/** The few ASN.1 types that a certificate is made of, in DER (X.690). */

/** One element: its tag, the length of what it holds, and that. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size =
    length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
  return Buffer.concat([Buffer.of(tag), size, content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);

export const set = (...parts: readonly Uint8Array[]): Buffer => element(0x31, ...parts);

export const octets = (...parts: readonly Uint8Array[]): Buffer => element(0x04, ...parts);

export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text));

export const boolean = (value: boolean): Buffer => element(0x01, Buffer.of(value ? 0xff : 0));

/** A number, big-endian and signed; DER wants no byte more than it needs. */
export const integer = (...bytes: readonly number[]): Buffer => element(0x02, Buffer.from(bytes));

/** Whole bytes, as signatures and keys have them; `unused` bits of the last one do not count. */
export const bits = (bytes: Uint8Array, unused: number = 0): Buffer =>
  element(0x03, Buffer.of(unused), bytes);

/** A context-specific element, `[number]` in ASN.1 notation, that holds others. */
export const tagged = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  element(0xa0 | number, ...parts);

/** A context-specific element that holds bare bytes. */
export const bare = (number: number, bytes: Uint8Array): Buffer => element(0x80 | number, bytes);

/** An object identifier from its dotted text. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return element(0x06, Buffer.from(bytes));
}

/** A time as certificates write it: UTCTime, to the second (RFC 5280, 4.1.2.5.1). */
export function utcTime(date: Date): Buffer {
  const text = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return element(0x17, Buffer.from(text.slice(2)));
}
