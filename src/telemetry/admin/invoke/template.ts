import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';

/** How deep messages within messages are written out. */
const DEPTH = 4;

/** Enum values that are told of a field. */
const VALUES = 12;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const TEXTS: ReadonlySet<ScalarType> = new Set([ScalarType.STRING, ScalarType.BYTES]);

/** Their JSON is a text, for a double cannot hold them. */
const LONGS: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** Messages whose JSON is no object of their fields (proto3, JSON mapping). */
const WELL_KNOWN: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['google.protobuf.Timestamp', '1970-01-01T00:00:00Z'],
  ['google.protobuf.Duration', '0s'],
  ['google.protobuf.FieldMask', ''],
  ['google.protobuf.Any', {}],
  ['google.protobuf.Struct', {}],
  ['google.protobuf.Value', null],
  ['google.protobuf.ListValue', []],
  ['google.protobuf.BoolValue', false],
  ['google.protobuf.StringValue', ''],
  ['google.protobuf.BytesValue', ''],
  ['google.protobuf.DoubleValue', 0],
  ['google.protobuf.FloatValue', 0],
  ['google.protobuf.Int32Value', 0],
  ['google.protobuf.UInt32Value', 0],
  ['google.protobuf.Int64Value', '0'],
  ['google.protobuf.UInt64Value', '0'],
]);

/** A message with every field at its default, to start from; of a oneof, the first choice. */
export function templateOf(message: DescMessage): Json {
  return template(message, []);
}

/** The fields of a message for a person, such as `id: string`. */
export function fieldsOf(message: DescMessage): string[] {
  return message.fields.map((field) => {
    const choice = field.oneof === undefined ? '' : ` (one of ${field.oneof.name})`;
    return `${field.jsonName}: ${typeOf(field)}${choice}`;
  });
}

function template(message: DescMessage, within: readonly DescMessage[]): Json {
  const wellKnown = WELL_KNOWN.get(message.typeName);
  if (wellKnown !== undefined) return wellKnown;
  // A message within itself ends somewhere, and so does this.
  if (within.length >= DEPTH || within.includes(message)) return {};
  const fields = message.fields.filter(({ oneof }, at) => {
    return oneof === undefined || message.fields.findIndex((other) => other.oneof === oneof) === at;
  });
  return Object.fromEntries(
    fields.map((field) => [field.jsonName, valueOf(field, [...within, message])]),
  );
}

function valueOf(field: DescField, within: readonly DescMessage[]): Json {
  if (field.fieldKind === 'list') return [];
  if (field.fieldKind === 'map') return {};
  if (field.fieldKind === 'message') return template(field.message, within);
  return field.fieldKind === 'enum' ? first(field.enum) : zeroOf(field.scalar);
}

function first({ typeName, values }: DescEnum): Json {
  return typeName === 'google.protobuf.NullValue' ? null : (values[0]?.name ?? 0);
}

function zeroOf(scalar: ScalarType): Json {
  if (TEXTS.has(scalar)) return '';
  if (LONGS.has(scalar)) return '0';
  return scalar === ScalarType.BOOL ? false : 0;
}

function typeOf(field: DescField): string {
  if (field.fieldKind === 'list') return `${elementOf(field)}[]`;
  if (field.fieldKind !== 'map') return elementOf(field);
  return `map<${ScalarType[field.mapKey].toLowerCase()}, ${elementOf(field)}>`;
}

function elementOf({ scalar, message, enum: values }: DescField): string {
  if (message !== undefined) return message.typeName;
  if (values !== undefined) {
    const names = values.values.slice(0, VALUES).map(({ name }) => name);
    return [...names, ...(values.values.length > VALUES ? ['…'] : [])].join(' | ');
  }
  return scalar === undefined ? 'unknown' : ScalarType[scalar].toLowerCase();
}
