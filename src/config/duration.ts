/** The longest duration that protobuf knows, in seconds: 10 000 years. */
const MAX_SECONDS = 315_576_000_000;

/**
 * The milliseconds of a duration as protobuf writes it in JSON: seconds, up to nine digits after
 * the point, and an `s`. Undefined for anything else, and for what is below 0.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (match === null) return undefined;
  const [, seconds = '', fraction = ''] = match;
  if (Number(seconds) > MAX_SECONDS) return undefined;
  // Whole numbers up to here, so that 0.1 s is 100 ms and not a little more.
  return Number(seconds) * 1_000 + Number(fraction.padEnd(9, '0')) / 1_000_000;
}
