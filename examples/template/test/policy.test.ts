// What every caller gets from the contract's options, whatever server it calls: a fake one, here.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRuntime, ServerError, Status } from 'inboard';
import { leakCheck, stubService, testPair } from 'inboard/testing';

import { ProjectNameServiceDefinition } from '../generated/project_name/v1/project_name.ts';

test('an attempt that fails is tried again, for the method may run twice', async () => {
  const stub = stubService(ProjectNameServiceDefinition, { greet: { greeting: 'Hello again!' } });
  await using _check = leakCheck();
  // In real time: it waits a few milliseconds before the second attempt.
  const options = { runtime: createRuntime() };
  await using pair = await testPair(ProjectNameServiceDefinition, stub, options);

  stub.once('greet', new ServerError(Status.UNAVAILABLE, 'not now'));
  assert.deepEqual(await pair.client.greet({ name: 'Ada' }), { greeting: 'Hello again!' });
  assert.equal(stub.calls.greet.length, 2);
});

test('a call ends at the deadline of the contract', async () => {
  const stub = stubService(ProjectNameServiceDefinition, {
    greet: () => new Promise<never>(() => {}),
  });
  await using _check = leakCheck();
  await using pair = await testPair(ProjectNameServiceDefinition, stub);

  // On a clock that stands still until the test moves it.
  const call = pair.client.greet({ name: 'Ada' });
  pair.runtime.clock.advance(2_000);
  await assert.rejects(call, { code: Status.DEADLINE_EXCEEDED });
});
