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
