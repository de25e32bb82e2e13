import { describe, expect, test } from 'vitest';

import { Metadata, Status } from '../../src/index.ts';
import { ClientCall } from '../../src/core/client-call.ts';
import { insecure } from '../../src/core/credentials.ts';
import { OK } from '../../src/core/status.ts';
import type { Fleet } from './memory-fleet.ts';
import {
  answer as answering,
  failing,
  memoryFleet,
  methodOf,
  never,
  turn,
} from './memory-fleet.ts';

function only(fleet: Fleet) {
  const [endpoint] = fleet.channel.snapshot().endpoints;
  if (endpoint === undefined) throw new Error('the fleet has no endpoint');
  return endpoint;
}

const CANCELLED = { code: Status.CANCELLED, details: 'the caller left' };

describe('a call in flight', () => {
  test('is counted from the pick to the end of its attempt, not to its answer', async () => {
    await using fleet = await memoryFleet(1);
    const call = new ClientCall(methodOf('unary'), fleet.runtime, {});
    const answer = fleet.channel.invoke(call);
    expect(only(fleet)).toMatchObject({ inFlight: 1, picks: 1 });
    expect(call.endpoint).toBe(fleet.addresses[0]);
    await answer;
    expect(only(fleet).inFlight).toBe(1);
    call.end(OK);
    call.end(OK);
    expect(only(fleet)).toMatchObject({ inFlight: 0, successes: 1, failures: 0 });
  });

  test('is counted for a stream until that is over, and tells no latency', async () => {
    await using fleet = await memoryFleet(1);
    const call = new ClientCall(methodOf('serverStream'), fleet.runtime, { count: 1 });
    const messages = (await fleet.channel.invoke(call)) as AsyncIterable<unknown>;
    for await (const _message of messages) expect(only(fleet).inFlight).toBe(1);
    fleet.runtime.clock.advance(5_000);
    call.end(OK);
    expect(only(fleet)).toMatchObject({ inFlight: 0, successes: 1, latencyMs: undefined });
  });

  test('is released when its credentials fail, and says nothing of its endpoint', async () => {
    await using fleet = await memoryFleet(1, {
      callCredentials: { metadata: () => Promise.reject(new Error('no token')) },
      credentials: insecure(),
    });
    const { ended } = fleet.attempt();
    expect(only(fleet).inFlight).toBe(1);
    expect(await ended).toBe(Status.UNAUTHENTICATED);
    expect(only(fleet)).toMatchObject({ inFlight: 0, successes: 0, failures: 0 });
  });
});

describe('what is neither success nor failure', () => {
  test('a call that this side left', async () => {
    await using fleet = await memoryFleet(1);
    fleet.on(0, never);
    for (let i = 0; i < 10; i++) {
      const { call, ended } = fleet.attempt();
      await turn();
      call.cancel(CANCELLED);
      expect(await ended).toBe(Status.CANCELLED);
    }
    expect(only(fleet)).toMatchObject({ inFlight: 0, successes: 0, failures: 0 });
  });

  test('a deadline shorter than the endpoint usually takes', async () => {
    await using fleet = await memoryFleet(1);
    const { clock } = fleet.runtime;
    const slow = (): Promise<object> =>
      new Promise((resolve) => clock.setTimer(clock.now() + 100, () => resolve({})));
    fleet.on(0, slow);
    const timed = async (ms: number): Promise<void> => {
      const { call, ended } = fleet.attempt();
      await turn();
      clock.advance(ms);
      if (ms < 100) call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
      await turn();
      await ended;
    };
    for (let i = 0; i < 5; i++) await timed(100);
    await timed(50);
    expect(only(fleet)).toMatchObject({ successes: 5, failures: 0 });
    fleet.on(0, never);
    const { call, ended } = fleet.attempt();
    await turn();
    clock.advance(100);
    call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'too late' });
    await ended;
    expect(only(fleet)).toMatchObject({ failures: 1, lastError: 'DEADLINE_EXCEEDED: too late' });
  });
});

test.each([
  ['UNAVAILABLE', 1],
  ['INTERNAL', 1],
  ['DATA_LOSS', 1],
  ['NOT_FOUND', 0],
  ['UNKNOWN', 0],
  ['PERMISSION_DENIED', 0],
] as const)('%s from the server counts as %i failures', async (name, failures) => {
  await using fleet = await memoryFleet(1);
  fleet.on(0, failing(Status[name]));
  expect(await fleet.attempt().ended).toBe(Status[name]);
  expect(only(fleet)).toMatchObject({ failures, successes: 1 - failures });
});

test('an endpoint whose responses are over this side’s limit sheds no load', async () => {
  await using fleet = await memoryFleet(2, { limits: { messageBytes: 100 } });
  fleet.on(0, answering('x'.repeat(200)));
  const shares = await fleet.share(200);
  expect(shares[fleet.addresses[0] ?? '']).toBeGreaterThan(50);
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ failures: 0, successes: 0 });
});

test('an endpoint that sheds load is left to the others, and not ejected', async () => {
  await using fleet = await memoryFleet(2);
  fleet.on(0, failing(Status.RESOURCE_EXHAUSTED));
  const shares = await fleet.share(200);
  expect(shares[fleet.addresses[0] ?? '']).toBeLessThan(5);
  expect(fleet.channel.snapshot().endpoints[0]).toMatchObject({ ejections: 0, failures: 0 });
});

test('an endpoint lost while a token was fetched is left for another, by the same attempt', async () => {
  const token = Promise.withResolvers<Metadata>();
  await using fleet = await memoryFleet(2, { callCredentials: { metadata: () => token.promise } });
  // In memory nothing is encrypted; the pick is what this is about.
  const endpoints = (fleet.channel as unknown as { endpoints: { all: object[] } }).endpoints.all;
  for (const endpoint of endpoints) Object.defineProperty(endpoint, 'secure', { value: true });
  const { call, ended } = fleet.attempt();
  const first = call.endpoint ?? '';
  fleet.net.refuse(first);
  fleet.net.break(first);
  token.resolve(Metadata());
  expect(await ended).toBe(Status.OK);
  expect(call.endpoint).not.toBe(first);
  const left = fleet.channel.snapshot().endpoints.find(({ address }) => address === first);
  expect(left).toMatchObject({ inFlight: 0, failures: 0, successes: 0 });
});
