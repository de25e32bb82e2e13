import type { Finding, Path } from './findings.ts';
import { shown } from './findings.ts';

/** What may be of any type yet: a schema complains elsewhere. */
type Unchecked = Readonly<Record<string, unknown>>;

/** What contradicts itself in a policy of methods and a schema cannot see. */
export function contradictionsOfMethod(policy: unknown, path: Path): Finding[] {
  if (!isObject(policy)) return [];
  const retry = child(policy, 'retry');
  return [
    ...above(policy, path, 'attemptTimeoutMs', 'timeoutMs'),
    ...above(child(retry, 'backoff'), [...path, 'retry', 'backoff'], 'initialMs', 'maxMs'),
    ...above(child(policy, 'breaker'), [...path, 'breaker'], 'openMs', 'maxOpenMs'),
    ...idleFaults(policy['faults'], [...path, 'faults']),
  ];
}

/** The same for a channel. */
export function contradictionsOfChannel(policy: unknown, path: Path): Finding[] {
  if (!isObject(policy)) return [];
  return above(child(policy, 'ejection'), [...path, 'ejection'], 'baseMs', 'maxMs');
}

/** The same for a whole document. */
export function contradictionsOfDocument(document: unknown): Finding[] {
  if (!isObject(document)) return [];
  const methods = Object.entries(child(document, 'methods'));
  return [
    ...contradictionsOfMethod(document['defaults'], ['defaults']),
    ...methods.flatMap(([name, policy]) => contradictionsOfMethod(policy, ['methods', name])),
    ...contradictionsOfChannel(document['channel'], ['channel']),
  ];
}

function above(values: Unchecked, path: Path, small: string, large: string): Finding[] {
  const [low, high] = [values[small], values[large]];
  if (typeof low !== 'number' || typeof high !== 'number' || !(low > high)) return [];
  return [{ path: [...path, small], message: `is ${low}, above ${large}; give at most ${high}` }];
}

function idleFaults(faults: unknown, path: Path): Finding[] {
  if (!Array.isArray(faults)) return [];
  return faults.flatMap((fault: unknown, index) => {
    if (!isObject(fault) || 'delayMs' in fault || 'abort' in fault) return [];
    const message = `is ${shown(fault)} that does nothing; give delayMs, abort or both`;
    return [{ path: [...path, index], message }];
  });
}

function child(values: Unchecked, key: string): Unchecked {
  const value = values[key];
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Unchecked {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
