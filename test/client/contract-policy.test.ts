import type { CompatServiceDefinition } from 'nice-grpc';
import { expect, expectTypeOf, test } from 'vitest';

import { PoliciesServiceDefinition } from '../../generated/inboard/testing/v1/policies.ts';
import { explainPolicy, methodsOf } from '../../src/contract.ts';
import type { PolicyOrigin } from '../../src/index.ts';
import {
  clientSnapshot,
  createClient,
  createRuntime,
  RejectedError,
  ServerError,
  Status,
} from '../../src/index.ts';
import { stubService, testPair } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';
import { changingPolicy } from './changing-policy.ts';

const FIND = 'inboard.testing.v1.PoliciesService/Find';

test('a client that says nothing has the times and bounds of the contract', async () => {
  const service = stubService(PoliciesServiceDefinition, {
    change: () => new Promise<never>(() => {}),
  });
  await using pair = await testPair(PoliciesServiceDefinition, service);
  const { clock } = pair.runtime;
  const inFlight = (): unknown =>
    clientSnapshot(pair.client).find(({ path }) => path.endsWith('/Change'))?.bulkhead;

  // 100 at a time, 10 waiting, 2 s each.
  const calls = Array.from({ length: 110 }, () => rejection(pair.client.change({})));
  const oneMore = await rejection(pair.client.change({}));
  expect(oneMore).toBeInstanceOf(RejectedError);
  clock.advance(1_999);
  expect(inFlight()).toEqual({ inUse: 100, queued: 10 });
  clock.advance(1);
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  }
});

test('a client repeats what the contract says, as often as it says', async () => {
  const service = stubService(PoliciesServiceDefinition, {
    find: new ServerError(Status.ABORTED, 'try again'),
  });
  await using pair = await testPair(PoliciesServiceDefinition, service, {
    runtime: createRuntime(),
  });
  await rejection(pair.connect({ defaults: { hedge: false } }).find({}));
  expect(service.calls.find).toHaveLength(4);

  const own = { hedge: false, retry: { codes: ['UNAVAILABLE'] } } as const;
  await rejection(pair.connect({ defaults: own }).find({}));
  expect(service.calls.find).toHaveLength(5);
});

test('code and a policy file are stronger than the contract, value by value', async () => {
  const service = stubService(PoliciesServiceDefinition, {});
  const file = changingPolicy({ methods: { [FIND]: { timeoutMs: 700 } } });
  await using pair = await testPair(PoliciesServiceDefinition, service, {
    client: { policy: file.source, methods: { find: { timeoutMs: 900, retry: { attempts: 2 } } } },
  });
  const find = (): { policy: object; sources: Readonly<Record<string, PolicyOrigin>> } => {
    const [found] = clientSnapshot(pair.client);
    if (found === undefined) throw new Error('no method');
    return found;
  };
  expect(find().policy).toMatchObject({
    timeoutMs: 700,
    attemptTimeoutMs: 400,
    waitForReady: true,
    retry: { attempts: 2, codes: ['UNAVAILABLE', 'ABORTED'], backoff: { initialMs: 10 } },
    hedge: { delayMs: 50, extra: 1 },
    bulkhead: undefined,
    criticality: 'sheddable',
    rateLimit: { perSecond: 50, burst: 75 },
  });
  expect(find().sources).toMatchObject({
    timeoutMs: 'file.method',
    attemptTimeoutMs: 'contract',
    'retry.attempts': 'code.methods',
    'retry.codes': 'contract',
    'retry.backoff.jitter': 'default',
    'breaker.minCalls': 'contract',
    'breaker.jitter': 'default',
    bulkhead: 'contract',
    throttle: 'default',
  });
  file.change({});
  expect(find().policy).toMatchObject({ timeoutMs: 900 });
});

test('a definition is explained without a client', () => {
  const explained = methodsOf(PoliciesServiceDefinition).map((method) => {
    const { value, source } = explainPolicy(method)[0] ?? {};
    return [method.name, value, source];
  });
  expect(explained).toEqual([
    ['Find', 1_500, 'contract'],
    ['Change', 2_000, 'contract'],
    ['Trace', 2_000, 'contract'],
  ]);
});

test('nice-grpc takes a definition with a policy', () => {
  expectTypeOf<typeof PoliciesServiceDefinition>().toExtend<CompatServiceDefinition>();
  expect(PoliciesServiceDefinition.methods.change).toMatchObject({ options: {} });
});

test('a policy that code generation left as bytes, or that is unknown, is refused', () => {
  const { find } = PoliciesServiceDefinition.methods;
  const make = (other: object) => (): unknown =>
    createClient(
      { ...PoliciesServiceDefinition, methods: { find: { ...find, ...other } } },
      'static:///127.0.0.1:1',
    );
  expect(
    make({ options: { _unknownFields: { [(78_432 << 3) | 2]: [Buffer.from([0])] } } }),
  ).toThrow('generate with protoc-gen-inboard');
  expect(make({ policy: { timeoutMs: 0 } })).toThrow(
    /contract of .*PoliciesService.*timeoutMs is 0/,
  );
});
