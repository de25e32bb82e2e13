import type { Call } from '../core/call.ts';
import { ConfigError } from '../core/errors.ts';
import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import { checkNumber } from '../core/checks.ts';
import type { FaultPolicy } from './policy.ts';

/** The first fault that applies to the call and whose dice say so; undefined for none. */
export function strike(
  faults: readonly FaultPolicy[],
  call: Call,
  random: () => number,
): FaultPolicy | undefined {
  for (const fault of faults) {
    if (applies(fault, call) && random() * 100 < fault.percent) return fault;
  }
  return undefined;
}

/** The status that a fault ends a call with; undefined where it only delays. */
export function abortStatus({ abort }: FaultPolicy): CallStatus | undefined {
  if (abort === undefined) return undefined;
  return { code: Status[abort.code], details: abort.details ?? 'A fault that was injected' };
}

function applies({ header }: FaultPolicy, call: Call): boolean {
  if (header === undefined) return true;
  const values = call.headers.getAll(header.name);
  return header.value === undefined ? values.length > 0 : values.includes(header.value);
}

/** Refuses faults that are none. */
export function checkFaults(key: string, faults: readonly FaultPolicy[]): void {
  for (const [index, fault] of faults.entries()) checkFault(`${key}[${index}]`, fault);
}

function checkFault(key: string, { percent, delayMs, abort, header }: FaultPolicy): void {
  checkNumber(`${key}.percent`, percent, 0, 100);
  if (delayMs !== undefined) checkNumber(`${key}.delayMs`, delayMs, 0);
  if (delayMs === undefined && abort === undefined) {
    throw new ConfigError(`${key} does nothing: give it delayMs, abort or both`);
  }
  if (abort !== undefined && !isErrorName(abort.code)) {
    throw new ConfigError(
      `${key}.abort.code is '${abort.code}': give the name of an error, as UNAVAILABLE`,
    );
  }
  if (header !== undefined && (header.name === '' || header.name.endsWith('-bin'))) {
    throw new ConfigError(`${key}.header.name is '${header.name}': name a header that holds text`);
  }
}

function isErrorName(name: string): boolean {
  if (!Object.hasOwn(Status, name) || !/^[A-Z_]+$/.test(name)) return false;
  return name !== 'OK' && name !== 'UNRECOGNIZED';
}
