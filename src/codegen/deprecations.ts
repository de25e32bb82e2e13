import type { DescField, DescMessage, DescMethod } from '@bufbuild/protobuf';
import { createFileRegistry } from '@bufbuild/protobuf';
import type { FileDescriptorSet } from '@bufbuild/protobuf/wkt';

import type { FieldDeprecation, MethodDeprecation } from '../core/deprecation.ts';

type Fields = Record<number, FieldDeprecation>;

/** What is deprecated of the methods of some files, by `package.Service/Method`. */
export function deprecationsIn(
  set: FileDescriptorSet,
  only: ReadonlySet<string>,
): ReadonlyMap<string, MethodDeprecation> {
  const registry = createFileRegistry(set);
  const messages = [...registry].filter((type) => type.kind === 'message');
  const leading = messagesThatLead(messages);
  const found = new Map<string, MethodDeprecation>();
  for (const { proto, services } of registry.files) {
    if (!only.has(proto.name)) continue;
    for (const method of services.flatMap((service) => service.methods)) {
      const deprecation = deprecationOf(method, leading);
      if (deprecation === undefined) continue;
      found.set(`${method.parent.typeName}/${method.name}`, deprecation);
    }
  }
  return found;
}

function deprecationOf(
  method: DescMethod,
  leading: ReadonlySet<DescMessage>,
): MethodDeprecation | undefined {
  const { parent, input } = method;
  const whole = method.deprecated || parent.deprecated || parent.file.deprecated;
  const parts: MethodDeprecation = {
    ...(whole ? { method: true } : {}),
    ...(leading.has(input) ? { request: requestOf(input, leading) } : {}),
  };
  return Object.keys(parts).length === 0 ? undefined : parts;
}

/** Messages that have a deprecated field, or hold such messages, however deep. */
function messagesThatLead(messages: readonly DescMessage[]): ReadonlySet<DescMessage> {
  const holders = new Map<DescMessage, DescMessage[]>();
  const leading = new Set<DescMessage>();
  for (const message of messages) {
    if (message.fields.some(isDeprecated)) leading.add(message);
    for (const held of message.fields.flatMap((field) => field.message ?? [])) {
      const known = holders.get(held);
      if (known === undefined) holders.set(held, [message]);
      else known.push(message);
    }
  }
  // A set grows while it is read: each message is looked at once, also where they hold each other.
  for (const message of leading) {
    for (const holder of holders.get(message) ?? []) leading.add(holder);
  }
  return leading;
}

/** The messages on the way from a request to its deprecated fields. */
function requestOf(
  input: DescMessage,
  leading: ReadonlySet<DescMessage>,
): NonNullable<MethodDeprecation['request']> {
  const messages: Record<string, Fields> = {};
  const reached = new Set([input]);
  for (const message of reached) {
    const fields: Fields = {};
    messages[message.typeName] = fields;
    for (const field of message.fields) {
      const held = field.message !== undefined && leading.has(field.message) && field.message;
      if (held) reached.add(held);
      if (!held && !isDeprecated(field)) continue;
      fields[field.number] = {
        ...(isDeprecated(field) ? { name: field.name } : {}),
        ...(held ? { holds: holdIn(messages, field, held) } : {}),
      };
    }
  }
  return { type: input.typeName, messages };
}

/** What a field holds. A map holds entries, which hold its values in their field 2. */
function holdIn(messages: Record<string, Fields>, field: DescField, held: DescMessage): string {
  if (field.fieldKind !== 'map') return held.typeName;
  const entry = field.proto.typeName.replace(/^\./, '');
  messages[entry] = { 2: { holds: held.typeName } };
  return entry;
}

/**
 * Whether whoever sets the field uses what is deprecated: the field, its type, or the file that the
 * type comes from. In a file that is deprecated as a whole, its methods are, and that is enough.
 */
function isDeprecated(field: DescField): boolean {
  const type = field.message ?? field.enum;
  if (field.deprecated || type === undefined) return field.deprecated;
  return type.deprecated || (type.file.deprecated && !field.parent.file.deprecated);
}
