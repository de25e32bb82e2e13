import { expect, test } from 'vitest';

import { checkChannelPolicy, checkMethodPolicy } from '../../src/config/check-policy.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import { lineOf } from '../../src/config/policy-error.ts';
import { fixture, refusal } from './support.ts';

function parse(text: string): { document: ReturnType<typeof parsePolicy>; warnings: string[] } {
  const warnings: string[] = [];
  const onWarning = (warning: Parameters<typeof lineOf>[0]) => warnings.push(lineOf(warning));
  return { document: parsePolicy(text, { file: 'sc.json', onWarning }), warnings };
}

const config = (given: object) => parse(JSON.stringify(given)).document;

test('a service config becomes a policy, and says what of it has no effect', async () => {
  const { document, warnings } = parse(await fixture('service-config.json'));
  const hedged = {
    idempotent: true,
    hedge: { delayMs: 40, extra: 2 },
    retry: { attempts: 4, codes: ['UNAVAILABLE'] },
  };
  expect(document).toEqual({
    serviceConfig: true,
    defaults: { timeoutMs: 20_000 },
    methods: {
      'orders.v1.OrdersService': {
        timeoutMs: 500,
        waitForReady: true,
        idempotent: true,
        retry: {
          attempts: 5,
          backoff: { initialMs: 100, maxMs: 1_250, multiplier: 2, jitter: 0.2 },
          codes: ['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED'],
        },
      },
      'orders.v1.OrdersService/GetOrder': hedged,
      'orders.v1.OrdersService/ListOrders': hedged,
    },
    channel: {
      balancer: 'least_request',
      ejection: {
        intervalMs: 5_000,
        baseMs: 20_000,
        maxMs: 20_000,
        maxPercent: 30,
        stdevFactor: 1_500,
        failurePercent: 85,
        requestVolume: 40,
      },
      retryBudget: { ratio: 0.1, perSecond: 0.5, ttlMs: 10_000 },
      healthCheck: { service: 'orders.v1.OrdersService' },
    },
  });
  expect(warnings).toEqual([
    'sc.json:21:7 methodConfig[2].maxRequestMessageBytes: has no effect; ' +
      "set the channel's and the server's limits in code",
    'sc.json:23:9 methodConfig[2].hedgingPolicy.maxAttempts: counts as 3; no more are sent',
    'sc.json:37:55 loadBalancingConfig[1].outlier_detection_experimental.successRateEjection' +
      '.enforcementPercentage: counts as 100; every endpoint that stands out is ejected',
  ]);
});

test('what a service config becomes is what code could give', async () => {
  const { document } = parse(await fixture('service-config.json'));
  for (const policy of [document.defaults, ...Object.values(document.methods ?? {})]) {
    expect(() => checkMethodPolicy('policy', policy ?? {})).not.toThrow();
  }
  expect(() => checkChannelPolicy(document.channel ?? {})).not.toThrow();
});

test.each([
  ['0.5s', 500],
  ['1.5s', 1_500],
  ['0.1s', 100],
  ['1s', 1_000],
  ['0.000000001s', 0.000001],
  ['3600.25s', 3_600_250],
  ['2592000s', 2_592_000_000],
])('a timeout of %s is %d ms', (timeout, timeoutMs) => {
  expect(config({ methodConfig: [{ name: [{}], timeout }] }).defaults).toEqual({ timeoutMs });
});

test.each([
  '5',
  '.5s',
  '1.s',
  '-1s',
  '1.0000000001s',
  '1e3s',
  '500ms',
  ' 1s',
  '0s',
  '9999999999999s',
])('a timeout of %j is refused', (timeout) => {
  const text = JSON.stringify({ methodConfig: [{ name: [{}], timeout }] });
  expect(refusal(text)).toEqual([
    `policy.yaml:1:41 methodConfig[0].timeout: is ${JSON.stringify(timeout)}; ` +
      'give a number of seconds above 0 as "1.5s"',
  ]);
});

test('everything wrong is told at once, by line, column and key', () => {
  const lines = refusal(`{
  "methodConfig": [
    { "name": [{ "method": "GetOrder" }, { "service": "a.B" }, { "service": "a.B" }],
      "timeout": 5 },
    { "name": [{ "service": "a.C" }],
      "retryPolicy": { "maxAttempts": 1, "initialBackoff": "0s", "maxBackoff": "1s",
        "retryableStatusCodes": ["OK", "UNAVAILBLE", 99] } },
    { "name": [{ "service": "a.D" }], "retryPolicy": {}, "hedgingPolicy": {} },
    { "name": {}, "waitForReady": "yes" }
  ],
  "loadBalancingConfig": [{ "xds": {} }, { "of_the_future": {} }],
  "retryThrottling": { "maxTokens": 1001 },
  "healthCheckConfig": { "serviceName": 5 }
}`);
  expect(lines).toEqual([
    'policy.yaml:3:16 methodConfig[0].name[0]: has a method of no service; add the service',
    'policy.yaml:3:64 methodConfig[0].name[2]: is named by another entry as well; name it once',
    'policy.yaml:4:18 methodConfig[0].timeout: is 5; give a number of seconds above 0 as "1.5s"',
    'policy.yaml:6:7 methodConfig[1].retryPolicy: lacks backoffMultiplier; add it',
    'policy.yaml:6:7 methodConfig[1].retryPolicy: lacks retryableStatusCodes; name at least one',
    'policy.yaml:6:39 methodConfig[1].retryPolicy.maxAttempts: is 1; ' +
      'give a whole number of at least 2',
    'policy.yaml:6:60 methodConfig[1].retryPolicy.initialBackoff: is "0s"; ' +
      'give a number of seconds above 0 as "1.5s"',
    ...[34, 40, 54].map((column, i) => {
      const shown = ['"OK"', '"UNAVAILBLE"', '99'][i];
      return (
        `policy.yaml:7:${column} methodConfig[1].retryPolicy.retryableStatusCodes[${i}]: ` +
        `is ${shown}; give the name of a status other than OK`
      );
    }),
    'policy.yaml:8:58 methodConfig[2].hedgingPolicy: ' +
      'stands beside a retryPolicy; keep one of the two',
    'policy.yaml:9:15 methodConfig[3].name: is an object; give a list',
    'policy.yaml:9:35 methodConfig[3].waitForReady: is "yes"; give true or false',
    'policy.yaml:11:3 loadBalancingConfig: has no policy that is known; ' +
      'add one of round_robin, pick_first, least_request, least_request_experimental, peak_ewma',
    'policy.yaml:12:3 retryThrottling: lacks tokenRatio; add it',
    'policy.yaml:12:37 retryThrottling.maxTokens: is 1001; ' +
      'give a number above 0 and of at most 1000',
    'policy.yaml:13:41 healthCheckConfig.serviceName: is 5; give a string',
  ]);
});

test.each([
  ['round_robin', { loadBalancingConfig: [{ grpclb: {} }, { round_robin: {} }] }],
  ['pick_first', { loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] }],
  ['least_request', { loadBalancingConfig: [{ least_request_experimental: {} }] }],
  ['round_robin', { loadBalancingPolicy: 'ROUND_ROBIN' }],
  ['pick_first', { loadBalancingConfig: [{ pick_first: {} }], loadBalancingPolicy: 'grpclb' }],
])('balancing by %s', (balancer, given) => {
  expect(config(given).channel).toEqual({ balancer });
});

test('outlier detection needs a child that balances, and is not its own child', () => {
  const outlier = (childPolicy?: object[]) =>
    refusal(JSON.stringify({ loadBalancingConfig: [{ outlier_detection: { childPolicy } }] }));
  const expected = [expect.stringContaining('childPolicy: has no policy that is known')];
  expect(outlier([{ outlier_detection: {} }])).toEqual(expected);
  expect(outlier()).toEqual([expect.stringContaining('has no policy that is known')]);
  const circle = 'loadBalancingConfig: &a [{ outlier_detection: { childPolicy: *a } }]';
  expect(refusal(circle)).toEqual(expected);
});

test('keys that nobody knows are left alone, as gRPC does; null is not there', () => {
  const { document, warnings } = parse(
    '{"methodConfig": null, "retryThrottling": null, "healthCheckConfig": {}, "x": [1]}',
  );
  expect(document).toEqual({ serviceConfig: true });
  expect(warnings).toEqual([]);
});

test('an entry without a name applies to nothing, and is told so', () => {
  const { document, warnings } = parse('{"methodConfig": [{"timeout": "1s"}]}');
  expect(document).toEqual({ serviceConfig: true });
  expect(warnings).toEqual([
    'sc.json:1:19 methodConfig[0]: names no method, and so applies to none; add a name',
  ]);
});

test('a policy does not take keys of a service config', () => {
  expect(refusal('defaults: {}\nmethodConfig: []')).toEqual([
    expect.stringMatching(/^policy\.yaml:2:1 methodConfig: is no known key/),
  ]);
});
