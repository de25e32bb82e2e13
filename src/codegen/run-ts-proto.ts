import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { CodeGeneratorRequest, CodeGeneratorResponse } from '@bufbuild/protobuf/wkt';
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt';

import { ConfigError } from '../core/errors.ts';

/** Has ts-proto, in a process of its own, answer a request. */
export async function runTsProto(request: CodeGeneratorRequest): Promise<CodeGeneratorResponse> {
  const child = spawn(process.execPath, [findTsProto()], { stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  // One that ends before it has read all of it says why itself.
  child.stdin.on('error', () => {});
  child.stdin.end(toBinary(CodeGeneratorRequestSchema, request));
  const [code, answer, complaint] = await Promise.all([
    ended,
    buffer(child.stdout),
    text(child.stderr),
  ]);
  if (code !== 0) throw new ConfigError(`ts-proto failed: ${firstLine(complaint)}`);
  return fromBinary(CodeGeneratorResponseSchema, answer);
}

/** The project's own ts-proto comes before the one that stands beside this package. */
function findTsProto(): string {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      const manifest = createRequire(from).resolve('ts-proto/package.json');
      return join(dirname(manifest), 'protoc-gen-ts_proto');
    } catch {
      // Looked for from the next place.
    }
  }
  throw new ConfigError('ts-proto is not installed; run `npm i -D ts-proto@2.18.0`');
}

/** What follows are the lines of its stack. */
function firstLine(complaint: string): string {
  return complaint.replace(/^FAILED!/, '').split(/\n|Error: /)[0] ?? '';
}
