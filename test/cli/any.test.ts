import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { buf } from '../interop/buf.ts';
import { inboard, jsonLines } from './cli.ts';
import { reflectingServer } from './reflecting-server.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inboard-any-'));
}, 30_000);

afterAll(() => rm(folder, { recursive: true }));

const ECHO = `syntax = "proto3";
package a;
import "google/protobuf/any.proto";
service Echo { rpc Do(google.protobuf.Any) returns (google.protobuf.Any); }
`;

const THING = 'syntax = "proto3";\npackage a;\nmessage Thing { string name = 1; }\n';

/** An image of these files. */
async function build(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const source = join(folder, name);
  await mkdir(source);
  for (const [file, text] of Object.entries(files)) await writeFile(join(source, file), text);
  const image = `${source}.binpb`;
  const { code, errors } = await buf(['build', source, '-o', image]);
  if (code !== 0) throw new Error(errors);
  return image;
}

test('a type that only an Any names is looked up where the contract is from', async () => {
  const whole = await build('whole', { 'echo.proto': ECHO, 'thing.proto': THING });
  const half = await build('half', { 'echo.proto': ECHO });
  const server = await reflectingServer('v1', whole, '/a.Echo/Do');
  try {
    const sent = { '@type': 'type.googleapis.com/a.Thing', name: 'x' };
    const call = ['call', 'a.Echo/Do', '-t', `127.0.0.1:${server.port}`, '-o', 'json'];
    const args = [...call, '-d', JSON.stringify(sent)];
    const run = await inboard(args);
    expect(run.stderr).toBe('');
    expect(jsonLines(run)).toEqual([sent]);

    // Who does not know the type cannot read its fields, and says so; nor can it send them.
    const strange = await inboard([...args, '--image', half]);
    expect(strange.stderr).toContain('half.binpb does not know a.Thing.');
    expect(strange.code).toBe(2);
    const empty = [...call, '-d', '{"@type": "type.googleapis.com/a.Thing"}', '--image', half];
    const named = await inboard(empty);
    expect(jsonLines(named)).toEqual([{ '@type': 'type.googleapis.com/a.Thing' }]);
    expect(named.stderr).toContain('a.Thing in an Any is not in the contract');
  } finally {
    server.stop();
  }
}, 30_000);
