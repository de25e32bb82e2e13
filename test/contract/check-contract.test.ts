import { expect, test, vi } from 'vitest';

import { readContract } from '../../src/contract.ts';
import { announced, imageOf } from './support.ts';

// Each run of buf takes up to a second, and more on a busy machine.
vi.setConfig({ testTimeout: 30_000 });

/** Line and message of each problem; the columns are another test's affair. */
async function problemsOf(services: string): Promise<string[]> {
  const { problems } = readContract(await imageOf(services));
  return problems.map(({ line, message }) => `${line}: ${message}`);
}

const once =
  'is on a method that may not run twice; add `option idempotency_level = IDEMPOTENT` ' +
  '(or NO_SIDE_EFFECTS) if it may, or leave it out';

test('what asks to repeat a method that may not run twice is refused', async () => {
  const services = `
    service S {
      rpc Retried(M) returns (M) {
        option (inboard.policy.v1.method).retry.attempts = 2; // says: Retried: retry ${once}
      }
      rpc ByDefault(M) returns (M) {
        option (inboard.policy.v1.method) = {
          retry: {codes: ["ABORTED"]} // says: ByDefault: retry ${once}
        };
      }
      rpc Hedged(M) returns (M) {
        option (inboard.policy.v1.method).hedge.extra = 1; // says: Hedged: hedge ${once}
      }
      rpc Once(M) returns (M) {
        option (inboard.policy.v1.method).retry.attempts = 1;
      }
      rpc Off(M) returns (M) {
        option (inboard.policy.v1.method) = {retry: {off: true} hedge: {off: true}};
      }
      rpc Reads(M) returns (M) {
        option idempotency_level = NO_SIDE_EFFECTS;
        option (inboard.policy.v1.method) = {retry: {attempts: 5} hedge: {}};
      }
      rpc Twice(M) returns (M) {
        option idempotency_level = IDEMPOTENT;
        option (inboard.policy.v1.method) = {retry: {attempts: 2} hedge: {p95: true}};
      }
    }`;
  expect(await problemsOf(services)).toEqual(announced(services));
  expect(announced(services)).toHaveLength(3);
});

test('an attempt has no more time than its call', async () => {
  const services = `
    service Own {
      rpc Both(M) returns (M) {
        option (inboard.policy.v1.method).timeout = {seconds: 1};
        option (inboard.policy.v1.method).attempt_timeout = {nanos: 1500000000}; // says: Both: attempt_timeout has nanos of 1500000000; give at most 999999999, and the rest as seconds
      }
      rpc Above(M) returns (M) {
        option (inboard.policy.v1.method) = {
          timeout: {seconds: 1}
          attempt_timeout: {seconds: 1 nanos: 500000000} // says: Above: attempt_timeout is 1.5 s, above timeout (1 s); give at most 1 s
        };
      }
      rpc AboveDefault(M) returns (M) {
        option (inboard.policy.v1.method).attempt_timeout.seconds = 16; // says: AboveDefault: attempt_timeout is 16 s, above the default timeout (15 s); give at most 15 s
      }
      rpc Stream(M) returns (stream M) {
        option (inboard.policy.v1.method).attempt_timeout.seconds = 16;
      }
      rpc Same(M) returns (M) {
        option (inboard.policy.v1.method) = {timeout: {seconds: 1} attempt_timeout: {seconds: 1}};
      }
    }
    service Shared {
      option (inboard.policy.v1.service) = {
        timeout: {seconds: 4}
        attempt_timeout: {seconds: 2}
      };
      rpc Shorter(M) returns (M) {
        option (inboard.policy.v1.method).timeout = {seconds: 1}; // says: Shorter: timeout is 1 s, below the attempt_timeout of 2 s that the service gives; give the method an attempt_timeout, too
      }
      rpc Longer(M) returns (M) {
        option (inboard.policy.v1.method).attempt_timeout = {seconds: 5}; // says: Longer: attempt_timeout is 5 s, above timeout (4 s); give at most 4 s
      }
      rpc Fine(M) returns (M);
    }`;
  expect(await problemsOf(services)).toEqual(announced(services));
});

test('values that no policy has are refused', async () => {
  const services = `
    service S {
      rpc Times(M) returns (M) {
        option idempotency_level = IDEMPOTENT;
        option (inboard.policy.v1.method) = {
          timeout: {seconds: 0} // says: Times: timeout is 0 s; give a time above 0
          attempt_timeout: {seconds: -1} // says: Times: attempt_timeout is -1 s; give a time above 0
          retry: {
            backoff: {
              initial: {seconds: 2} // says: Times: retry.backoff.initial is 2 s, above max (1 s); give at most that
              max: {seconds: 1}
              multiplier: 0 // says: Times: retry.backoff.multiplier is 0; give a number above 0 and up to 1000
            }
          }
          hedge: {
            delay: {nanos: -1} // says: Times: hedge.delay is -0.000001 ms; give a time above 0
          }
          breaker: {
            window: {nanos: 5000000} // says: Times: breaker.window is 5 ms; give a time in ms from 100 to 31536000000
            open: {seconds: 2} // says: Times: breaker.open is 2 s, above max_open (1 s); give at most that
            max_open: {seconds: 1}
          }
        };
      }
      rpc Numbers(M) returns (M) {
        option idempotency_level = IDEMPOTENT;
        option (inboard.policy.v1.method) = {
          retry: {
            attempts: 6 // says: Numbers: retry.attempts is 6; give 1 to 5, for gRPC's clients make no more, or say it in a client's own policy
            codes: "UNAVAILBLE" // says: Numbers: retry.codes is "UNAVAILBLE"; did you mean 'UNAVAILABLE'?
          }
          hedge: {
            extra: 3 // says: Numbers: hedge.extra is 3; give a whole number from 1 to 2
          }
          breaker: {
            failure_ratio: nan // says: Numbers: breaker.failure_ratio is NaN; give a number above 0 and up to 1
            probes: 0 // says: Numbers: breaker.probes is 0; give a whole number from 1 to 1000000000
          }
          bulkhead: {
            limit: 0 // says: Numbers: bulkhead.limit is 0; give a whole number from 1 to 1000000000
          }
          rate_limit: {
            burst: 5 // says: Numbers: rate_limit lacks per_second; add it
          }
        };
      }
      rpc Zero(M) returns (M) {
        option (inboard.policy.v1.method).retry.attempts = 0; // says: Zero: retry.attempts is 0; give 1 to 5, for gRPC's clients make no more, or say it in a client's own policy
      }
      rpc Both(M) returns (M) {
        option (inboard.policy.v1.method).breaker = {off: true probes: 2}; // says: Both: breaker is off and has probes as well; leave one of both out
      }
      rpc NoP95(M) returns (M) {
        option idempotency_level = IDEMPOTENT;
        option (inboard.policy.v1.method).hedge.p95 = false; // says: NoP95: hedge.delay has p95 as false; leave it out, or give a delay
      }
    }`;
  expect(await problemsOf(services)).toEqual(announced(services));
});

test('a service’s option is told of once, and where it stands', async () => {
  const none =
    'is for methods that may run twice, and none of the service has an idempotency_level; ' +
    'add one to those that may, or leave it out';
  const services = `
    service S {
      option (inboard.policy.v1.service) = {
        timeout: {seconds: 0} // says: S: timeout is 0 s; give a time above 0
        bulkhead: {
          queue: 3 // says: S: bulkhead lacks limit; add it
        }
        retry: {
          attempts: 4 // says: S: retry ${none}
        }
        rate_limit: {per_second: 5}
      };
      rpc A(M) returns (M);
      rpc B(M) returns (M) {
        option (inboard.policy.v1.method).rate_limit.per_second = 0; // says: B: rate_limit.per_second is 0; give a number above 0 and up to 1000000000
      }
    }
    service Mixed {
      option (inboard.policy.v1.service) = {
        breaker: {max_open: {seconds: 1}}
        retry: {attempts: 4}
        hedge: {}
      };
      rpc Changes(M) returns (M) {
        option (inboard.policy.v1.method).breaker.open = {seconds: 2}; // says: Changes: breaker.open is 2 s, above max_open (1 s); give at most that
      }
      rpc Reads(M) returns (M) {
        option idempotency_level = NO_SIDE_EFFECTS;
      }
    }`;
  expect(await problemsOf(services)).toEqual(announced(services));
});

test('a method has its service’s policy below its own, and repeats only what may run twice', async () => {
  const image = await imageOf(`
    service S {
      option (inboard.policy.v1.service) = {
        timeout: {seconds: 2}
        retry: {attempts: 4 backoff: {initial: {nanos: 5000000}}}
        hedge: {}
        bulkhead: {limit: 5}
      };
      rpc Changes(M) returns (M);
      rpc Reads(M) returns (M) {
        option idempotency_level = NO_SIDE_EFFECTS;
        option (inboard.policy.v1.method) = {
          retry: {backoff: {max: {seconds: 2}}}
          hedge: {delay: {nanos: 40000000}}
          bulkhead: {off: true}
          wait_for_ready: false
        };
      }
    }
    service Plain { rpc Call(M) returns (M); }`);
  const { methods, problems } = readContract(image);
  expect(problems).toEqual([]);
  expect(methods.map(({ fullName, policy }) => [fullName, policy])).toEqual([
    ['shop.v1.S/Changes', { timeoutMs: 2_000, bulkhead: { limit: 5 } }],
    [
      'shop.v1.S/Reads',
      {
        timeoutMs: 2_000,
        waitForReady: false,
        retry: { attempts: 4, backoff: { initialMs: 5, maxMs: 2_000 } },
        hedge: { delayMs: 40 },
        bulkhead: false,
      },
    ],
    ['shop.v1.Plain/Call', undefined],
  ]);
});

test('what is no descriptor set is refused with what to do', () => {
  const text = new TextEncoder().encode('syntax = "proto3";');
  expect(() => readContract(text)).toThrow('make one with `buf build -o image.binpb`');
});
