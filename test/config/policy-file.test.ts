import { EventEmitter, once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import type { PolicyFile } from '../../src/config/policy-file.ts';
import { openPolicyFile } from '../../src/config/policy-file.ts';
import { PolicyError } from '../../src/config/policy-error.ts';
import { createSystemClock } from '../../src/core/clock.ts';
import { ConfigError } from '../../src/core/errors.ts';
import type { PolicyDocument } from '../../src/policies/policy.ts';
import { testRuntime } from '../../src/testing/index.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-policy-'));
  path = join(folder, 'policy.yaml');
});

afterEach(() => rm(folder, { recursive: true }));

const timeout = (ms: number): string => `defaults: { timeoutMs: ${ms} }\n`;

/** A log that tells when something was logged. */
function awaitedLogger() {
  const events = new EventEmitter();
  const at = (level: string) => (fields: object, message: string) => {
    events.emit(level, { fields, message });
  };
  const next = async (level: 'warn' | 'info' | 'error') => {
    const [entry] = (await once(events, level)) as [{ fields: object; message: string }];
    return entry;
  };
  return { logger: { error: at('error'), warn: at('warn'), info: at('info') }, next };
}

async function opened() {
  const { logger, next } = awaitedLogger();
  const runtime = testRuntime({ clock: createSystemClock(), logger });
  const file = await openPolicyFile(path, runtime);
  return { file, next };
}

function nextChange(file: PolicyFile): Promise<PolicyDocument> {
  return new Promise((resolve) => {
    const stop = file.onChange((document) => {
      stop();
      resolve(document);
    });
  });
}

test('a change is seen and taken as a whole', async () => {
  await writeFile(path, timeout(1));
  const { file } = await opened();
  await using _closed = file;
  expect(file.path).toBe(path);
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  const first = file.current;

  const change = nextChange(file);
  await writeFile(path, timeout(2));
  const document = await change;
  expect(document).toEqual({ defaults: { timeoutMs: 2 } });
  expect(file.current).toBe(document);
  expect(first).toEqual({ defaults: { timeoutMs: 1 } });
});

test('a file that is replaced by a rename is seen, again and again', async () => {
  await writeFile(path, timeout(1));
  const { file } = await opened();
  await using _closed = file;
  for (const ms of [2, 3, 4]) {
    const change = nextChange(file);
    await writeFile(join(folder, 'next'), timeout(ms));
    await rename(join(folder, 'next'), path);
    expect((await change).defaults?.timeoutMs).toBe(ms);
  }
});

test('a link that is turned to another folder is seen, as Kubernetes mounts a ConfigMap', async () => {
  for (const [name, ms] of [['one', 1] as const, ['two', 2] as const]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, 'policy.yaml'), timeout(ms));
  }
  await symlink('one', join(folder, 'data'));
  await symlink(join('data', 'policy.yaml'), path);
  const { file } = await opened();
  await using _closed = file;
  const change = nextChange(file);
  await symlink('two', join(folder, 'data-next'));
  await rename(join(folder, 'data-next'), join(folder, 'data'));
  expect((await change).defaults?.timeoutMs).toBe(2);
});

test('an invalid change is refused with its line and key, and the last good one stays', async () => {
  await writeFile(path, timeout(1));
  const { file, next } = await opened();
  await using _closed = file;
  const seen: PolicyDocument[] = [];
  file.onChange((document) => seen.push(document));

  const refused = next('warn');
  await writeFile(path, 'defaults:\n  timeoutMs: -1\n');
  const { message, fields } = await refused;
  expect(message).toContain(`${path}:2:14 defaults.timeoutMs: is -1; give a number above 0`);
  expect(fields).toMatchObject({ problems: [{ line: 2, key: 'defaults.timeoutMs' }] });
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  expect(file.problem).toBeInstanceOf(PolicyError);

  const accepted = next('info');
  await writeFile(path, timeout(3));
  await accepted;
  expect(file.problem).toBeUndefined();
  expect(seen).toEqual([{ defaults: { timeoutMs: 3 } }]);
});

test('going back to the last good content ends the problem, and is no change', async () => {
  await writeFile(path, timeout(1));
  const { file, next } = await opened();
  await using _closed = file;
  let changes = 0;
  file.onChange(() => {
    changes += 1;
  });
  const refused = next('warn');
  await writeFile(path, '{');
  await refused;
  const accepted = next('info');
  await writeFile(path, `# the same, in other words\n${timeout(1)}`);
  await accepted;
  expect(file.problem).toBeUndefined();
  expect(changes).toBe(0);
});

test('a file that goes away is a problem, not an end', async () => {
  await writeFile(path, timeout(1));
  const { file, next } = await opened();
  await using _closed = file;
  const refused = next('warn');
  await unlink(path);
  expect((await refused).message).toMatch(/cannot be read: ENOENT/);
  expect(file.current).toEqual({ defaults: { timeoutMs: 1 } });
  const change = nextChange(file);
  await writeFile(path, timeout(2));
  expect((await change).defaults?.timeoutMs).toBe(2);
});

test('a listener that throws harms neither the others nor the file', async () => {
  await writeFile(path, timeout(1));
  const { file, next } = await opened();
  await using _closed = file;
  file.onChange(() => {
    throw new Error('from a listener');
  });
  const logged = next('error');
  const change = nextChange(file);
  await writeFile(path, timeout(2));
  expect((await change).defaults?.timeoutMs).toBe(2);
  expect(await logged).toMatchObject({ fields: { err: new Error('from a listener') } });
});

test('who stops listening hears no more', async () => {
  await writeFile(path, timeout(1));
  const { file } = await opened();
  await using _closed = file;
  let heard = 0;
  const listener = (): void => {
    heard += 1;
  };
  const stop = file.onChange(listener);
  file.onChange(listener);
  stop();
  stop();
  const change = nextChange(file);
  await writeFile(path, timeout(2));
  await change;
  expect(heard).toBe(1);
});

test('the first read has to be good', async () => {
  const runtime = testRuntime();
  const missing = openPolicyFile(path, runtime);
  await expect(missing).rejects.toThrow(ConfigError);
  await expect(missing).rejects.toThrow(/The policy file .*policy\.yaml cannot be read: ENOENT/);
  await writeFile(path, 'defaults: { retry: { attempts: 0 } }');
  const invalid = openPolicyFile(path, runtime);
  await expect(invalid).rejects.toThrow(PolicyError);
  await expect(invalid).rejects.toThrow(/policy\.yaml:1:32 defaults\.retry\.attempts: is 0; /);
  await writeFile(path, Buffer.from([0x7b, 0xff, 0x7d]));
  await expect(openPolicyFile(path, runtime)).rejects.toThrow(/is no UTF-8/);
  await writeFile(path, Buffer.alloc(2 * 1024 * 1024, '\u00e4'));
  await expect(openPolicyFile(path, runtime)).rejects.toThrow(/is larger than 1 MiB/);
  await expect(openPolicyFile(folder, runtime)).rejects.toThrow(/cannot be read: EISDIR/);
  expect(runtime.clock.pending).toBe(0);
});

test('what a service config says in vain is logged', async () => {
  await writeFile(path, '{"methodConfig": [{"name": [{}], "maxRequestMessageBytes": 5}]}');
  const runtime = testRuntime();
  await using file = await openPolicyFile(path, runtime);
  expect(file.current).toEqual({ defaults: {}, serviceConfig: true });
  const [entry] = runtime.logger.entries;
  expect(entry).toMatchObject({ level: 'warn', fields: { file: path } });
  expect(entry?.message).toContain('methodConfig[0].maxRequestMessageBytes: has no effect');
});
