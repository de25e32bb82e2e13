import type { DescExtension, DescField, DescFile, Message } from '@bufbuild/protobuf';
import { getExtension, hasExtension, ScalarType } from '@bufbuild/protobuf';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';
import { reflect } from '@bufbuild/protobuf/reflect';

/**
 * Options that are extensions, such as `inboard.policy.v1.method`, as a `.proto` file has them.
 * Known are those of the files that `file` imports, however deep.
 */
export function optionLines(options: Message | undefined, file: DescFile): string[] {
  if (options === undefined) return [];
  return extensionsOf(file)
    .filter((extension) => extension.extendee.typeName === options.$typeName)
    .filter((extension) => hasExtension(options, extension))
    .flatMap((extension) => linesOf(extension, getExtension(options, extension)));
}

function extensionsOf(file: DescFile): DescExtension[] {
  const files = new Set([file]);
  // A set grows while it is read.
  for (const one of files) for (const other of one.dependencies) files.add(other);
  return [...files].flatMap(({ extensions }) => extensions);
}

function linesOf(extension: DescExtension, value: unknown): string[] {
  const { typeName, message, fieldKind } = extension;
  if (fieldKind !== 'message' || message === undefined) {
    const values = fieldKind === 'list' ? (value as readonly unknown[]) : [value];
    return values.map((one) => `option (${typeName}) = ${valueText(extension, one)};`);
  }
  const parts = partsOf(reflect(message, value as Message));
  if (parts.length === 0) return [`option (${typeName}) = {};`];
  return [`option (${typeName}) = {`, ...parts.map((part) => `  ${part}`), '};'];
}

/** `name: value` of each field that is set, in protobuf's text format. */
function partsOf(message: ReflectMessage): string[] {
  const set = message.fields.filter((field) => message.isSet(field));
  return set.map((field) => `${field.name}: ${fieldText(field, message.get(field))}`);
}

function fieldText(field: DescField, value: unknown): string {
  if (field.fieldKind === 'list') {
    const items = [...(value as Iterable<unknown>)].map((item) => valueText(field, item));
    return `[${items.join(', ')}]`;
  }
  if (field.fieldKind === 'map') {
    const entries = [...(value as Iterable<readonly [unknown, unknown]>)];
    const texts = entries.map(([key, item]) => {
      return `{key: ${JSON.stringify(key)} value: ${valueText(field, item)}}`;
    });
    return `[${texts.join(', ')}]`;
  }
  return valueText(field, value);
}

function valueText(field: DescField | DescExtension, value: unknown): string {
  const { enum: type, message, scalar } = field;
  if (message !== undefined) {
    const reflected = isReflected(value) ? value : reflect(message, value as Message);
    return `{${partsOf(reflected).join(' ')}}`;
  }
  if (type !== undefined) {
    return type.values.find(({ number }) => number === value)?.name ?? String(value);
  }
  if (scalar === ScalarType.STRING) return JSON.stringify(value);
  if (scalar === ScalarType.BYTES) {
    return JSON.stringify(Buffer.from(value as Uint8Array).toString('latin1'));
  }
  return String(value);
}

function isReflected(value: unknown): value is ReflectMessage {
  return typeof value === 'object' && value !== null && 'isSet' in value;
}
