import type {
  DescEnum,
  DescExtension,
  DescField,
  DescMessage,
  DescMethod,
  DescOneof,
  DescService,
} from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import {
  FeatureSet_FieldPresence,
  MethodOptions_IdempotencyLevel as Idempotency,
} from '@bufbuild/protobuf/wkt';

import type { Path } from './comments.ts';
import { commentLines, IN, pathOf } from './comments.ts';
import { optionLines } from './option-lines.ts';
import type { Described } from './symbols.ts';

/** A declaration as its `.proto` file has it, with full names of types and with its comments. */
export function protoText(found: Described): string {
  return linesOf(found).join('\n');
}

function linesOf(found: Described): string[] {
  switch (found.kind) {
    case 'service':
      return serviceLines(found);
    case 'rpc':
      return methodLines(found, pathOf(found.parent));
    case 'message':
      return messageLines(found, found.typeName);
    case 'enum':
      return enumLines(found, found.typeName);
    default:
      return [`extend ${found.extendee.typeName} {`, ...indent([fieldLine(found)]), '}'];
  }
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

function block(heading: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [`${heading} {}`] : [`${heading} {`, ...indent(lines), '}'];
}

function deprecation({ deprecated }: { readonly deprecated: boolean }): string[] {
  return deprecated ? ['option deprecated = true;'] : [];
}

function serviceLines(service: DescService): string[] {
  const path = pathOf(service);
  const methods = service.methods.flatMap((method) => methodLines(method, path));
  return [
    ...commentLines(service.file, path),
    ...block(`service ${service.typeName}`, [
      ...deprecation(service),
      ...optionLines(service.proto.options, service.file),
      ...methods,
    ]),
  ];
}

function methodLines(method: DescMethod, servicePath: Path): string[] {
  const { parent, proto, name, input, output, methodKind, idempotency } = method;
  const request = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const response = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
  const type = (streamed: boolean, desc: DescMessage): string =>
    `(${streamed ? 'stream ' : ''}${desc.typeName})`;
  const heading = `rpc ${name}${type(request, input)} returns ${type(response, output)}`;
  const options = [...deprecation(method)];
  if (idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN) {
    options.push(`option idempotency_level = ${Idempotency[idempotency]};`);
  }
  options.push(...optionLines(proto.options, parent.file));
  const path = [...servicePath, IN.method, parent.proto.method.indexOf(proto)];
  return [
    ...commentLines(parent.file, path),
    ...(options.length === 0 ? [`${heading};`] : block(heading, options)),
  ];
}

function messageLines(message: DescMessage, name: string): string[] {
  const { file, nestedMessages, nestedEnums, members } = message;
  const path = pathOf(message);
  const nested = [
    ...nestedEnums.flatMap((each) => enumLines(each, each.name)),
    ...nestedMessages
      .filter(({ proto }) => proto.options?.mapEntry !== true)
      .flatMap((each) => messageLines(each, each.name)),
  ];
  const own = members.flatMap((member) =>
    member.kind === 'oneof' ? oneofLines(member, path) : fieldLines(member, path),
  );
  const { reservedRange, reservedName } = message.proto;
  // The end of a message's range is one past its last number.
  const ranges = reservedRange.map(({ start, end }) => ({ start, end: end - 1 }));
  const body = [...deprecation(message), ...nested, ...own, ...reserved(ranges, reservedName)];
  return [...commentLines(file, path), ...block(`message ${name}`, body)];
}

function oneofLines(oneof: DescOneof, messagePath: Path): string[] {
  const { parent } = oneof;
  const path = [...messagePath, IN.message.oneof, parent.proto.oneofDecl.indexOf(oneof.proto)];
  const fields = oneof.fields.flatMap((field) => fieldLines(field, messagePath));
  return [...commentLines(parent.file, path), ...block(`oneof ${oneof.name}`, fields)];
}

function fieldLines(field: DescField, messagePath: Path): string[] {
  const { parent, proto } = field;
  const path = [...messagePath, IN.message.field, parent.proto.field.indexOf(proto)];
  return [...commentLines(parent.file, path), fieldLine(field)];
}

function fieldLine(field: DescField | DescExtension): string {
  const { name, number, deprecated, proto } = field;
  const options: string[] = [];
  if (proto.defaultValue !== '') options.push(`default = ${defaultOf(field)}`);
  if (deprecated) options.push('deprecated = true');
  const tail = options.length === 0 ? '' : ` [${options.join(', ')}]`;
  return `${labelOf(field)}${typeOf(field)} ${name} = ${number}${tail};`;
}

function labelOf(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map' || field.oneof !== undefined) return '';
  if (field.fieldKind === 'list') return 'repeated ';
  if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return 'required ';
  const proto2 = field.kind === 'field' && field.parent.file.proto.syntax !== 'proto3';
  return field.proto.proto3Optional || proto2 ? 'optional ' : '';
}

function typeOf(field: DescField | DescExtension): string {
  if (field.fieldKind === 'map') {
    const value = field.message ?? field.enum;
    const valueType = value?.typeName ?? scalarName(field.scalar);
    return `map<${scalarName(field.mapKey)}, ${valueType}>`;
  }
  const named = field.message ?? field.enum;
  return named?.typeName ?? scalarName(field.scalar);
}

function scalarName(scalar: ScalarType | undefined): string {
  return scalar === undefined ? 'bytes' : ScalarType[scalar].toLowerCase();
}

function defaultOf({ proto, scalar }: DescField | DescExtension): string {
  const quoted = scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
  return quoted ? JSON.stringify(proto.defaultValue) : proto.defaultValue;
}

function enumLines(type: DescEnum, name: string): string[] {
  const path = pathOf(type);
  const values = type.values.flatMap((value) => {
    const valuePath = [...path, IN.enumValue, type.proto.value.indexOf(value.proto)];
    const tail = value.deprecated ? ' [deprecated = true]' : '';
    return [...commentLines(type.file, valuePath), `${value.name} = ${value.number}${tail};`];
  });
  const { reservedRange, reservedName } = type.proto;
  const alias = type.proto.options?.allowAlias === true ? ['option allow_alias = true;'] : [];
  const body = [...deprecation(type), ...alias, ...values];
  return [
    ...commentLines(type.file, path),
    ...block(`enum ${name}`, [...body, ...reserved(reservedRange, reservedName)]),
  ];
}

/** What may not be used again; both ends of a range belong to it. */
function reserved(
  ranges: readonly { readonly start: number; readonly end: number }[],
  names: readonly string[],
): string[] {
  const numbers = ranges.map(({ start, end }) =>
    start === end ? `${start}` : `${start} to ${end}`,
  );
  const quoted = names.map((name) => JSON.stringify(name));
  return [numbers, quoted].flatMap((each) =>
    each.length === 0 ? [] : [`reserved ${each.join(', ')};`],
  );
}
