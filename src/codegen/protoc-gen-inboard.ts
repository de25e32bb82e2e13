#!/usr/bin/env node
/**
 * The code generator that buf runs: ts-proto's output, with what ts-proto leaves away written into
 * the definition of each service: the policy that a contract's options carry, where a client finds
 * it, and what is deprecated, where a server does. It takes ts-proto's options and runs the ts-proto
 * that is installed beside it. An option of its own, `descriptors=descriptors.ts`, writes a module
 * for a server's reflection, too (`strategy: all`).
 *
 * It stands before ts-proto and not beside it, since ts-proto leaves a service's options away and
 * writes a method's as bytes: a file of policies beside its own would have to be imported and
 * handed over by hand.
 */
import { buffer } from 'node:stream/consumers';

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from '@bufbuild/protobuf/wkt';

import { ConfigError, describe } from '../core/errors.ts';
import { generate } from './generate.ts';

try {
  const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin));
  process.stdout.write(toBinary(CodeGeneratorResponseSchema, await generate(request)));
} catch (error) {
  // Problems of contracts stand by themselves on their lines: buf shows what is written here as is.
  const ours = error instanceof ConfigError;
  process.stderr.write(`${ours ? '' : 'protoc-gen-inboard: '}${describe(error)}\n`);
  process.exitCode = 1;
}
