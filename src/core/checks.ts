import { ConfigError } from './errors.ts';

/** The value, if it is a number above 0; a ConfigError that names the option otherwise. */
export function checkPositive(option: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value;
  throw new ConfigError(`${option} is ${String(value)}: give a number above 0`);
}

/** The same for every value of an options object. */
export function checkAllPositive<T extends object>(option: string, values: T): T {
  for (const [key, value] of Object.entries(values)) {
    checkPositive(`${option}.${key}`, value as number);
  }
  return values;
}

/** Refuses what is no finite number from `min` to `max`; the message names `key`. */
export function checkNumber(
  key: string,
  value: number,
  min: number,
  max: number = Number.MAX_VALUE,
): void {
  if (Number.isFinite(value) && value >= min && value <= max) return;
  refuse(key, value, 'number', min, max);
}

/** The same for whole numbers. */
export function checkWhole(
  key: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return;
  refuse(key, value, 'whole number', min, max);
}

/** Refuses what is no finite number above 0 and up to `max`. */
export function checkAboveZero(key: string, value: number, max: number = Number.MAX_VALUE): void {
  if (Number.isFinite(value) && value > 0 && value <= max) return;
  const upTo = max < Number.MAX_SAFE_INTEGER ? ` and up to ${max}` : '';
  throw new ConfigError(`${key} is ${String(value)}: give a number above 0${upTo}`);
}

function refuse(key: string, value: number, kind: string, min: number, max: number): never {
  const range = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `of ${min} or more`;
  throw new ConfigError(`${key} is ${String(value)}: give a ${kind} ${range}`);
}
