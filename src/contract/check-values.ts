import { findingsOfMethodPolicy } from '../config/check-policy.ts';
import type { Finding } from '../config/findings.ts';
import type { Refusal, Values } from './read-option.ts';
import { optionName, shownMs } from './read-option.ts';

/**
 * gRPC's clients make no more attempts of a call (A6), and what a contract says holds for every
 * client of it; one that wants more can say so in its own code.
 */
const MOST_ATTEMPTS = 5;

/** What is wrong with the values of a policy themselves, whichever method they are for. */
export function checkValues(values: Values): Refusal[] {
  const retry = values['retry'] as Values | false | undefined;
  const attempts = retry === false ? undefined : retry?.['attempts'];
  const wrongAttempts =
    typeof attempts === 'number' && !(attempts >= 1 && attempts <= MOST_ATTEMPTS);
  const findings = findingsOfMethodPolicy(values)
    .map(inWordsOfOptions)
    .filter(({ key }) => !(wrongAttempts && key === 'retry.attempts'));
  return [
    ...findings,
    ...(wrongAttempts ? [{ key: 'retry.attempts', message: tooMany(attempts) }] : []),
    ...above(values, 'retry.backoff.initialMs', 'retry.backoff.maxMs'),
    ...above(values, 'breaker.openMs', 'breaker.maxOpenMs'),
  ];
}

/**
 * An attempt that may take longer than its call. Where only the timeout is the method's own, that
 * is what does not fit.
 * `byDefault`: the timeout of a method that gives none, in ms.
 */
export function checkTimeouts(values: Values, own: Values, byDefault: number): Refusal[] {
  const attemptMs = values['attemptTimeoutMs'];
  const timeoutMs = values['timeoutMs'] ?? byDefault;
  if (typeof attemptMs !== 'number' || typeof timeoutMs !== 'number') return [];
  if (attemptMs <= timeoutMs) return [];
  const [attempt, timeout] = [shownMs(attemptMs), shownMs(timeoutMs)];
  if (own['attemptTimeoutMs'] === undefined && own['timeoutMs'] !== undefined) {
    const message = `is ${timeout}, below the attempt_timeout of ${attempt} that the service gives`;
    return [{ key: 'timeoutMs', message: `${message}; give the method an attempt_timeout, too` }];
  }
  const which = values['timeoutMs'] === undefined ? 'the default timeout' : 'timeout';
  const message = `is ${attempt}, above ${which} (${timeout}); give at most ${timeout}`;
  return [{ key: 'attemptTimeoutMs', message }];
}

function tooMany(attempts: number): string {
  const limit = `1 to ${MOST_ATTEMPTS}, for gRPC's clients make no more`;
  return `is ${attempts}; give ${limit}, or say it in a client's own policy`;
}

function above(values: Values, small: string, large: string): Refusal[] {
  const [low, high] = [at(values, small), at(values, large)];
  if (typeof low !== 'number' || typeof high !== 'number' || low <= high) return [];
  const name = optionName(large).split('.').at(-1);
  const message = `is ${shownMs(low)}, above ${name} (${shownMs(high)}); give at most that`;
  return [{ key: small, message }];
}

function at(values: Values, key: string): unknown {
  let value: unknown = values;
  for (const part of key.split('.')) value = (Object(value) as Values)[part];
  return value;
}

function inWordsOfOptions({ path, message, onKey }: Finding): Refusal {
  const key = path.filter((part) => typeof part === 'string').join('.');
  if (onKey !== true && key.endsWith('Ms')) {
    return {
      key,
      message: message.replace(/^is (\S+); give a number/, 'is $1 ms; give a time in ms'),
    };
  }
  if (onKey !== true) return { key, message };
  const missing = /^lacks (\w+)/.exec(message)?.[1];
  if (missing !== undefined) return { key, message: `lacks ${optionName(missing)}; add it` };
  return { key, message: 'is newer than this version of inboard; install a newer one' };
}
