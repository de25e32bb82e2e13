import { expect, test } from 'vitest';

import { PoliciesServiceDefinition } from '../../generated/inboard/testing/v1/policies.ts';
import { explainPolicy, methodsOf } from '../../src/contract.ts';
import type { PolicyOrigin } from '../../src/index.ts';
import {
  clientSnapshot,
  createClient,
  RejectedError,
  ServerError,
  Status,
} from '../../src/index.ts';
import { stubService, testPair } from '../../src/testing/index.ts';
import { changingPolicy } from './changing-policy.ts';

const FIND = 'inboard.testing.v1.PoliciesService/Find';

test('a client that says nothing does what the contract says', async () => {
  const service = stubService(PoliciesServiceDefinition, {
    change: () => new Promise<never>(() => {}),
    find: () => {
      throw new ServerError(Status.ABORTED, 'try again');
    },
  });
  await using pair = await testPair(PoliciesServiceDefinition, service);
  const { clock } = pair.runtime;

  const call = pair.client.change({});
  const failed = expect(call).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  clock.advance(1_999);
  expect(clientSnapshot(pair.client).find(({ path }) => path.endsWith('/Change'))).toMatchObject({
    bulkhead: { inUse: 1 },
  });
  clock.advance(1);
  await failed;

  const waiting = Array.from({ length: 110 }, () => pair.client.change({}).catch(String));
  await expect(pair.client.change({})).rejects.toBeInstanceOf(RejectedError);
  clock.advance(2_000);
  expect(await Promise.all(waiting)).toHaveLength(110);
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

test('a policy that code generation left as bytes, or that is unknown, is refused', () => {
  const { find } = PoliciesServiceDefinition.methods;
  const make = (options: object) => (): unknown =>
    createClient(
      { ...PoliciesServiceDefinition, methods: { find: { ...find, options } } },
      'static:///127.0.0.1:1',
    );
  expect(make({ _unknownFields: { [(78_432 << 3) | 2]: [Buffer.from([0])] } })).toThrow(
    'generate with protoc-gen-inboard',
  );
  expect(make({ policy: { timeoutMs: 0 } })).toThrow(
    /contract of .*PoliciesService.*timeoutMs is 0/,
  );
});
