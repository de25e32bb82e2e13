import { clone } from '@bufbuild/protobuf';
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FileDescriptorProto,
  FileDescriptorSet,
} from '@bufbuild/protobuf/wkt';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { removeField, typesIn, typesUsed } from './descriptor-parts.ts';

/**
 * A baseline without what it marks `deprecated` and the present contracts no longer have. Messages
 * and enums that only such parts used go with them. Compared with it, these removals break nobody;
 * what is still there is compared as ever.
 */
export function letGo(baseline: FileDescriptorSet, present: FileDescriptorSet): FileDescriptorSet {
  const left = clone(FileDescriptorSetSchema, baseline);
  const now = typesIn(present);
  for (const file of left.file) {
    // Its places would be those of other parts.
    file.sourceCodeInfo = undefined;
    dropServices(file, present);
    for (const [name, type] of typesIn({ file: [file] })) dropParts(type, now.get(name));
  }
  const used = typesUsed(baseline);
  for (let dropped = true; dropped; ) dropped = dropTypes(left, { now, used });
  const imported = new Set(left.file.flatMap(({ dependency }) => dependency));
  left.file = left.file.filter((file) => imported.has(file.name) || !isEmptied(file, present));
  return left;
}

type Type = DescriptorProto | EnumDescriptorProto;

function dropServices(file: FileDescriptorProto, present: FileDescriptorSet): void {
  const all = file.options?.deprecated === true;
  const services = present.file
    .filter((one) => one.package === file.package)
    .flatMap(({ service }) => service);
  for (const service of file.service) {
    const whole = all || service.options?.deprecated === true;
    const still = services.find(({ name }) => name === service.name);
    service.method = service.method.filter(
      ({ name, options }) =>
        !(whole || options?.deprecated === true) ||
        still?.method.some((method) => method.name === name) === true,
    );
  }
  file.service = file.service.filter(
    ({ name, method, options }) =>
      method.length > 0 ||
      !(all || options?.deprecated === true) ||
      services.some((service) => service.name === name),
  );
}

/** Fields of a message, values of an enum. */
function dropParts(type: Type, now: Type | undefined): void {
  if (type.$typeName === 'google.protobuf.EnumDescriptorProto') {
    const still = now?.$typeName === type.$typeName ? now.value : [];
    const left = type.value.filter(
      ({ number, options }) =>
        options?.deprecated !== true || still.some((value) => value.number === number),
    );
    // An enum has a value.
    if (left.length > 0) type.value = left;
    return;
  }
  const still = now?.$typeName === type.$typeName ? now.field : [];
  for (const field of [...type.field]) {
    const gone = !still.some(({ number }) => number === field.number);
    if (field.options?.deprecated === true && gone) removeField(type, field);
  }
}

interface Known {
  /** Types that there are now. */
  readonly now: ReadonlyMap<string, Type>;
  /** Types that something of the whole baseline refers to. */
  readonly used: ReadonlySet<string>;
}

/** True where one went: others may be used by nobody then. */
function dropTypes(left: FileDescriptorSet, { now, used }: Known): boolean {
  const stillUsed = typesUsed(left);
  let dropped = false;
  for (const file of left.file) {
    const goes = (type: Type): boolean => {
      const name = `${file.package === '' ? '' : `${file.package}.`}${type.name}`;
      if (now.has(name) || stillUsed.has(name)) return false;
      const said = type.options?.deprecated === true || file.options?.deprecated === true;
      return said || used.has(name);
    };
    const before = file.messageType.length + file.enumType.length;
    file.messageType = file.messageType.filter((type) => !goes(type));
    file.enumType = file.enumType.filter((type) => !goes(type));
    dropped ||= file.messageType.length + file.enumType.length < before;
  }
  return dropped;
}

/** Gone as a file, with all that was in it. */
function isEmptied(file: FileDescriptorProto, present: FileDescriptorSet): boolean {
  const { name, messageType, enumType, service, extension } = file;
  if (present.file.some((one) => one.name === name)) return false;
  return [messageType, enumType, service, extension].every((parts) => parts.length === 0);
}
