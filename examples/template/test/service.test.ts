// The service as its callers see it: both whole stacks, encoding included, and no socket.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findErrorDetail, RpcError, Status } from 'inboard';
import { leakCheck, testPair } from 'inboard/testing';

import { ProjectNameServiceDefinition } from '../generated/project_name/v1/project_name.ts';
import { projectNameOptions, projectNameService } from '../src/service.ts';

function start() {
  const options = { service: projectNameOptions };
  return testPair(ProjectNameServiceDefinition, projectNameService, options);
}

test('greets', async () => {
  await using _check = leakCheck();
  await using pair = await start();
  assert.deepEqual(await pair.client.greet({ name: 'Ada' }), { greeting: 'Hello, Ada!' });
});

test('greets each, in order', async () => {
  await using _check = leakCheck();
  await using pair = await start();
  const greetings: string[] = [];
  for await (const { greeting } of pair.client.greetEach({ names: ['Ada', 'Alan'] })) {
    greetings.push(greeting);
  }
  assert.deepEqual(greetings, ['Hello, Ada!', 'Hello, Alan!']);
});

test('refuses an empty name, and says which field it is', async () => {
  await using _check = leakCheck();
  await using pair = await start();
  await assert.rejects(pair.client.greet({ name: '' }), (error) => {
    assert(error instanceof RpcError);
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.equal(findErrorDetail(error, 'BadRequest')?.fieldViolations[0]?.field, 'name');
    return true;
  });
});
