const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The largest number that the eight digits of `grpc-timeout` can hold. */
const MAX_DIGITS = 99_999_999;

/**
 * Parses `grpc-timeout` strictly (gRPC over HTTP/2: 1 to 8 digits and one unit of `HMSmun`).
 * Returns milliseconds, or undefined for anything else: a caller refuses the call then, and never
 * takes it for "no deadline".
 */
export function parseTimeout(text: string): number | undefined {
  const unit = UNITS_MS[text.charAt(text.length - 1)];
  const digits = text.length - 1;
  if (unit === undefined || digits < 1 || digits > 8) return undefined;
  let value = 0;
  for (let i = 0; i < digits; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value * unit;
}

/**
 * Formats milliseconds as `grpc-timeout`, in the finest unit that eight digits hold, rounded up
 * so that a short timeout never becomes zero. Up to 99 999 999 hours.
 */
export function formatTimeout(timeoutMs: number): string {
  if (timeoutMs <= 0) return '0n';
  // Whole milliseconds serve nearly every call and need no search.
  if (timeoutMs >= 10 && timeoutMs < MAX_DIGITS) return `${Math.ceil(timeoutMs)}m`;
  for (const unit of ['n', 'u', 'm', 'S', 'M'] as const) {
    // The factor takes back what the division adds in the last bits.
    const value = Math.ceil((timeoutMs / (UNITS_MS[unit] as number)) * (1 - 1e-14));
    if (value <= MAX_DIGITS) return `${value}${unit}`;
  }
  return `${Math.min(MAX_DIGITS, Math.ceil(timeoutMs / 3_600_000))}H`;
}
