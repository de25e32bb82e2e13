import { clone, create } from '@bufbuild/protobuf';
import type {
  CodeGeneratorRequest,
  CodeGeneratorResponse,
  FileDescriptorProto,
  MethodOptions,
} from '@bufbuild/protobuf/wkt';
import { CodeGeneratorRequestSchema, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';

import { ConfigError } from '../core/errors.ts';

/**
 * policy.proto itself becomes no code: nothing in a program reads it, and it would bring all of
 * descriptor.proto along.
 */
const POLICY_PROTO = 'inboard/policy/v1/policy.proto';

/** The number of both options in policy.proto, and of the marks that stand in their place. */
const OPTION = 78_432;
const FIXED32 = 5;

/** As ts-proto keys an option that it does not know. */
const MARK = (OPTION << 3) | FIXED32;

/**
 * The options of a method as ts-proto writes them, with a mark in them: four bytes, of `env=node` or
 * of any other. Around it stand options of others, which are lists of bytes as well.
 */
const WRITTEN = new RegExp(
  String.raw`options: \{\s*(?:(idempotencyLevel: "\w+"),\s*)?` +
    String.raw`_unknownFields: \{([^{}]*?)\s*${MARK}: \[\s*` +
    String.raw`(?:Buffer\.from|new Uint8Array)\(\[([\d,\s]*)\]\)(?: as \w+)?,?\s*\],?([^{}]*)\},?\s*\}`,
  'g',
);

/** How deep a method's options stand in a definition. */
const INDENT = '      ';

/** What is written into the definition of a method, beside what ts-proto writes. */
export interface MethodExtras {
  /** What the options of policy.proto say. */
  readonly policy?: object | undefined;
  /** What the contract marks as deprecated. */
  readonly deprecated?: object | undefined;
}

/** A request for ts-proto in which every method with extras carries their number. */
export interface MarkedRequest {
  readonly request: CodeGeneratorRequest;
  /** By their numbers. */
  readonly extras: readonly MethodExtras[];
}

/** Puts marks in place of the options of policy.proto, and where there are none. */
export function markMethods(
  original: CodeGeneratorRequest,
  extrasOf: (fullName: string) => MethodExtras,
): MarkedRequest {
  const request = clone(CodeGeneratorRequestSchema, original);
  const extras: MethodExtras[] = [];
  request.fileToGenerate = request.fileToGenerate.filter((name) => name !== POLICY_PROTO);
  // A second copy of the descriptors, which ts-proto does not read.
  request.sourceFileDescriptors = [];
  for (const file of request.protoFile) {
    withoutImport(file);
    for (const service of file.service) {
      for (const method of service.method) {
        const name = [file.package, service.name].filter((part) => part !== '').join('.');
        const own = extrasOf(`${name}/${method.name}`);
        const some = Object.values(own).some((extra) => extra !== undefined);
        if (method.options === undefined && !some) continue;
        method.options ??= create(MethodOptionsSchema);
        mark(method.options, some ? extras.push(own) - 1 : undefined);
      }
    }
  }
  return { request, extras };
}

/** Writes the extras where their marks stand. */
export function writeExtras(
  response: CodeGeneratorResponse,
  extras: readonly MethodExtras[],
): CodeGeneratorResponse {
  let written = 0;
  for (const file of response.file) {
    file.content = file.content.replaceAll(WRITTEN, (_, level, before, bytes, after) => {
      written += 1;
      const number = Buffer.from(String(bytes).split(',').map(Number)).readUInt32LE();
      return methodOptions(level, extras[number] ?? {}, `${before}${after}`);
    });
  }
  if (written !== extras.length) {
    throw new ConfigError(
      `ts-proto wrote ${written} of ${extras.length} policies and deprecations in a form that is ` +
        'known here; generate `outputServices=generic-definitions`, with ts-proto 2.18',
    );
  }
  return response;
}

function mark(options: MethodOptions, number: number | undefined): void {
  const others = (options.$unknown ?? []).filter(({ no }) => no !== OPTION);
  if (number !== undefined) {
    const data = Buffer.alloc(4);
    data.writeUInt32LE(number);
    others.push({ no: OPTION, wireType: FIXED32, data });
  }
  options.$unknown = others;
}

/** ts-proto generates what is imported; the indexes among the imports follow. */
function withoutImport(file: FileDescriptorProto): void {
  const index = file.dependency.indexOf(POLICY_PROTO);
  if (index === -1) return;
  file.dependency.splice(index, 1);
  const follow = (indexes: readonly number[]): number[] =>
    indexes.filter((i) => i !== index).map((i) => (i > index ? i - 1 : i));
  file.publicDependency = follow(file.publicDependency);
  file.weakDependency = follow(file.weakDependency);
}

/** Extras stand beside the options, whose type nice-grpc wants as ts-proto writes it. */
function methodOptions(level: unknown, extras: MethodExtras, others: string): string {
  const options = [
    ...(typeof level === 'string' ? [level] : []),
    ...(others.trim() === '' ? [] : [`_unknownFields: {${others}}`]),
  ];
  const written = options.length === 0 ? '{}' : `{ ${options.join(', ')} }`;
  const beside = Object.entries(extras)
    .filter(([, extra]) => extra !== undefined)
    .map(([key, extra]) => `,\n${INDENT}${key}: ${literal(extra, INDENT)}`);
  return `options: ${written}${beside.join('')}`;
}

/** A value as TypeScript, an entry a line. */
function literal(value: unknown, indent: string): string {
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, indent)).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const lines = entries.map(
    ([key, entry]) => `${indent}  ${keyText(key)}: ${literal(entry, `${indent}  `)},\n`,
  );
  return `{\n${lines.join('')}${indent}}`;
}

/** Full names of messages have dots. */
function keyText(key: string): string {
  return /^\w+$/.test(key) ? key : JSON.stringify(key);
}
