import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import { createAdmin, createClient, createRuntime } from '../../src/index.ts';
import { inboard } from './cli.ts';
import type { Descriptors } from './descriptors.ts';
import { makeDescriptors } from './descriptors.ts';

const METHOD = 'orders.v1.OrdersService/GetOrder';

let descriptors: Descriptors;
let folder = '';

beforeAll(async () => {
  descriptors = await makeDescriptors();
  folder = await mkdtemp(join(tmpdir(), 'inboard-explain-'));
});

afterAll(async () => {
  await descriptors.remove();
  await rm(folder, { recursive: true });
});

describe('inboard explain', () => {
  test('names each value and its source: contract, file and default', async () => {
    const policy = join(folder, 'policy.yaml');
    await writeFile(policy, `methods: { ${METHOD}: { retry: { attempts: 5 } } }\n`);
    const args = ['explain', METHOD, '--image', descriptors.image, '--policy', policy];
    const { code, stdout } = await inboard(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^KEY +VALUE +SOURCE$/m);
    expect(stdout).toMatch(/^timeoutMs +2000 +contract$/m);
    expect(stdout).toMatch(/^idempotent +on +contract$/m);
    expect(stdout).toMatch(/^retry\.attempts +5 +file\./m);
    expect(stdout).toMatch(/^hedge +off +default$/m);
  });

  test('says what has no effect, and what there is not', async () => {
    const policy = join(folder, 'strange.yaml');
    const place = 'orders.v1.OrdersService/PlaceOrder';
    await writeFile(
      policy,
      `methods:\n  ${place}: { hedge: {} }\n  ${METHOD}r: { timeoutMs: 3 }\n`,
    );
    const image = ['--image', descriptors.image, '--policy', policy];
    const { code, stderr } = await inboard(['explain', place, ...image]);
    expect(stderr).toContain('hedge is on and has no effect: the method has no idempotency_level');
    expect(stderr).toContain(
      `the policy names ${METHOD}r, which there is not; did you mean ${METHOD}?`,
    );
    expect(code).toBe(0);
    // The control: one that may run twice, and names that there are.
    const good = await inboard(['explain', METHOD, '--image', descriptors.image]);
    expect(good.stderr).toBe('');
  });

  test('builds the folder it is started in, and prints JSON', async () => {
    const { code, stdout } = await inboard(['explain', `/${METHOD}`, '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toContainEqual({
      key: 'timeoutMs',
      value: 2000,
      source: 'contract',
    });
  });

  test('asks a running client, which knows what its code says', async () => {
    const runtime = createRuntime();
    await using admin = createAdmin({ runtime });
    await using client = createClient(OrdersServiceDefinition, 'static:///127.0.0.1:1', {
      runtime,
      methods: { getOrder: { timeoutMs: 700 } },
    });
    const { url } = await admin.listen('127.0.0.1:0');
    const { code, stdout } = await inboard(['explain', METHOD, '--from', url]);
    expect(client).toBeDefined();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^static:\/\/\/127\.0\.0\.1:1$/m);
    expect(stdout).toMatch(/^timeoutMs +700 +code\.methods$/m);
  });

  const wrong: [what: string, args: string[], code: number, message: string][] = [
    ['a method mistyped', ['orders.v1.OrdersService/GetOrdr'], 2, `Did you mean ${METHOD}?`],
    ['no method at all', ['Greet'], 2, "No method 'Greet' in this folder's contracts\n  It has "],
    ['no such image', [METHOD, '--image', 'nowhere.binpb'], 2, 'there is no such file'],
    ['no such policy', [METHOD, '--policy', 'nowhere.yaml'], 2, 'nowhere.yaml'],
    ['a policy that is wrong', [METHOD, '--policy', 'package.json'], 2, 'package.json'],
    ['two contracts', [METHOD, '--image', 'a', '--proto', 'b'], 2, 'are two contracts'],
    ['a contract and a process', [METHOD, '--image', 'a', '--from', 'b'], 2, 'Leave --image'],
  ];
  test.each(wrong)('%s is told with what to do', async (_what, args, code, message) => {
    const run = await inboard(['explain', ...args]);
    expect(run.code).toBe(code);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain(message);
    expect(run.stderr).not.toMatch(/^ {4}at /m);
  });
});
