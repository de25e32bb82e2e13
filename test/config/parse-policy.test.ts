import { expect, test } from 'vitest';

import { ConfigError } from '../../src/core/errors.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { PolicyError } from '../../src/config/policy-error.ts';
import { fixture, refusal } from './support.ts';

const parse = (text: string) => parsePolicy(text, { file: 'policy.yaml' });

test('YAML and JSON of the same content are the same policy', async () => {
  const document = parse(await fixture('policy.yaml'));
  expect(document).toEqual({
    defaults: { timeoutMs: 1_000, retry: { attempts: 4, backoff: { maxMs: 500 } } },
    methods: {
      'orders.v1.OrdersService': {
        breaker: { failureRatio: 0.4, minCalls: 50 },
        bulkhead: { limit: 100, queue: 20 },
      },
      'orders.v1.OrdersService/GetOrder': {
        idempotent: true,
        hedge: { delayMs: 40, extra: 1 },
        attemptTimeoutMs: 300,
      },
      'orders.v1.OrdersService/PlaceOrder': { retry: false, rateLimit: { perSecond: 200 } },
    },
    channel: {
      balancer: 'least_request',
      retryBudget: { ratio: 0.1 },
      ejection: { consecutiveFailures: 3 },
      healthCheck: { service: 'orders.v1.OrdersService' },
    },
  });
  expect(parse(JSON.stringify(document))).toEqual(document);
});

test('everything wrong is told at once, by line, column and key', () => {
  const lines = refusal(`defaults:
  timeoutMs: 1s
  retry:
    atempts: 4
    backoff:
      initialMs: 500
      maxMs: 100
    codes: [UNAVAILABLE, UNAVAILBLE]
  hedge: { extra: 3 }
methods:
  /orders.v1.OrdersService/GetOrder: {}
  orders.v1.OrdersService/GetOrder:
    timeoutMs: 100
    attemptTimeoutMs: 200
    faults: [{ percent: 10 }]
    bulkhead: {}
    breaker:
  orders.v1.OrdersService:
    breaker: { openMs: 5, maxOpenMs: 4 }
channel:
  balancer: random
  ejection: { baseMs: 2, maxMs: 1 }
  slowStart: true
`);
  const getOrder = 'methods["orders.v1.OrdersService/GetOrder"]';
  expect(lines).toEqual([
    'policy.yaml:2:14 defaults.timeoutMs: is "1s"; give a number above 0',
    "policy.yaml:4:5 defaults.retry.atempts: is no known key; did you mean 'attempts'?",
    'policy.yaml:6:18 defaults.retry.backoff.initialMs: is 500, above maxMs; give at most 100',
    `policy.yaml:8:26 defaults.retry.codes[1]: is "UNAVAILBLE"; did you mean 'UNAVAILABLE'?`,
    'policy.yaml:9:19 defaults.hedge.extra: is 3; give a whole number from 1 to 2',
    'policy.yaml:11:3 methods["/orders.v1.OrdersService/GetOrder"]: names no method; ' +
      "write it as 'package.Service' or 'package.Service/Method'",
    `policy.yaml:14:23 ${getOrder}.attemptTimeoutMs: is 200, above timeoutMs; give at most 100`,
    `policy.yaml:15:14 ${getOrder}.faults[0]: is an object that does nothing; ` +
      'give delayMs, abort or both',
    `policy.yaml:16:5 ${getOrder}.bulkhead: lacks limit; add it`,
    `policy.yaml:17:13 ${getOrder}.breaker: is empty; give an object, or false to turn it off`,
    'policy.yaml:19:24 methods["orders.v1.OrdersService"].breaker.openMs: ' +
      'is 5, above maxOpenMs; give at most 4',
    'policy.yaml:21:13 channel.balancer: is "random"; ' +
      'give one of peak_ewma, least_request, round_robin, pick_first',
    'policy.yaml:22:23 channel.ejection.baseMs: is 2, above maxMs; give at most 1',
    'policy.yaml:23:14 channel.slowStart: is true; give an object, or false to turn it off',
  ]);
});

test('the error is a ConfigError whose problems a program can read', () => {
  const error = caught('{\n  "defaults": { "timeoutMs": -1 }\n}');
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.name).toBe('PolicyError');
  expect(error.problems).toEqual([
    {
      file: 'policy.yaml',
      line: 2,
      column: 30,
      key: 'defaults.timeoutMs',
      message: 'is -1; give a number above 0',
    },
  ]);
});

test.each([
  ['nothing', '', '1:1 is empty; write {} for a policy of nothing'],
  ['a comment', '# later\n', '1:1 is empty; write {} for a policy of nothing'],
  ['a list', '[]', '1:1 is a list; give an object'],
  ['a word', 'policy', '1:1 is "policy"; give an object'],
  ['half a file', '{"defaults": {"timeo', '1:21 does not parse: '],
  ['a tab', 'defaults:\n\ttimeoutMs: 5', '2:1 does not parse: '],
  ['a repeated key', 'defaults: {}\ndefaults: {}', '2:1 defaults: stands here a second time'],
  [
    'a repeated JSON key',
    '{"channel": {"ejection": {}, "ejection": {}}}',
    '1:30 channel.ejection:',
  ],
  ['two documents', '{}\n---\n{}', '2:1 begins a second document; keep one'],
  ['a tag', 'defaults: !!js/function "x"', '1:11 does not parse: '],
  ['a key that is no text', '? [a]\n: 1', '1:3 does not parse: '],
  ['a prototype', '{"__proto__": {"timeoutMs": 5}}', '1:2 __proto__: is no known key'],
  ['a circle', 'defaults: &a { retry: *a }', '1:16 defaults.retry.retry: is no known key'],
  ['a size', `# ${'x'.repeat(1024 * 1024)}`, '1:1 is larger than 1 MiB; make it smaller'],
])('%s is refused', (_what, text, expected) => {
  const [first = ''] = refusal(text);
  const prefix = `policy.yaml:${expected}`;
  expect(first.slice(0, prefix.length)).toBe(prefix);
});

test('aliases serve, and cannot make a small text a huge policy', () => {
  const text = `defaults: { retry: &r { attempts: 7 } }
methods: { a.B: { retry: *r }, a.C: { retry: *r } }`;
  expect(parse(text).methods).toEqual({
    'a.B': { retry: { attempts: 7 } },
    'a.C': { retry: { attempts: 7 } },
  });
  const level = (name: string, of: string) => `${name}: &${name} [${Array(9).fill(of).join(',')}]`;
  const bomb = [level('a', '1'), level('b', '*a'), level('c', '*b'), level('d', '*c')].join('\n');
  expect(refusal(bomb)).toEqual([expect.stringContaining('Excessive alias count')]);
});

test('a wrong value behind an alias is told where it is written', () => {
  expect(refusal('defaults: &d\n  retry: { attempts: 0 }\nmethods: { a.B: *d }')).toEqual([
    expect.stringMatching(/^policy\.yaml:2:22 defaults\.retry\.attempts: /),
    expect.stringMatching(/^policy\.yaml:2:22 methods\["a\.B"\]\.retry\.attempts: /),
  ]);
});

test('a text of very many mistakes, or very deep, is refused in little time', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => `k${i}: 1`).join('\n');
  const start = performance.now();
  const lines = refusal(many);
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toMatch(/^and \d+ more$/);
  expect(refusal('{a: '.repeat(50_000))[0]).toMatch(/does not parse/);
  // Comparing each key with each other one would take minutes.
  expect(performance.now() - start).toBeLessThan(8_000);
});

test('a timeout may be infinite, nothing else may', () => {
  expect(parse('defaults: { timeoutMs: .inf }').defaults?.timeoutMs).toBe(Infinity);
  expect(refusal('defaults: { breaker: { windowMs: .inf } }')).toHaveLength(1);
  expect(refusal('defaults: { timeoutMs: .nan }')).toHaveLength(1);
});

test('an editor may find the schema by $schema, which is no part of the policy', () => {
  expect(parse('{"$schema": "./policy.schema.json", "defaults": {}}')).toEqual({ defaults: {} });
});

test('a document cannot be changed by one of its readers', () => {
  const document = parse('defaults: { retry: { codes: [ABORTED] } }');
  expect(() => Object.assign(document.defaults ?? {}, { timeoutMs: 1 })).toThrow(TypeError);
  const { retry } = document.defaults ?? {};
  expect(Object.isFrozen(retry)).toBe(true);
});

test('names of methods with the keys of every object are only names', () => {
  const document = parse('methods: { constructor: {}, a.B/toString: { timeoutMs: 1 } }');
  expect(Object.keys(document.methods ?? {})).toEqual(['constructor', 'a.B/toString']);
});

function caught(text: string): PolicyError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('the policy was not refused');
}
