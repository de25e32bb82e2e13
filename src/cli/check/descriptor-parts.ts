import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';

interface Files {
  readonly file: readonly FileDescriptorProto[];
}

/** Messages and enums, nested ones too, by their full names. */
export function typesIn({ file }: Files): Map<string, DescriptorProto | EnumDescriptorProto> {
  const types = new Map<string, DescriptorProto | EnumDescriptorProto>();
  const add = (
    scope: string,
    messages: readonly DescriptorProto[],
    enums: readonly EnumDescriptorProto[],
  ): void => {
    for (const type of enums) types.set(`${scope}${type.name}`, type);
    for (const type of messages) {
      types.set(`${scope}${type.name}`, type);
      add(`${scope}${type.name}.`, type.nestedType, type.enumType);
    }
  };
  for (const one of file) {
    add(one.package === '' ? '' : `${one.package}.`, one.messageType, one.enumType);
  }
  return types;
}

/**
 * Full names of all types that methods and fields refer to, and of those that hold them. A message
 * that refers to itself alone is not used for that.
 */
export function typesUsed(files: Files): Set<string> {
  const used = new Set<string>();
  const use = (typeName: string, by: string): void => {
    const name = typeName.replace(/^\./, '');
    if (name === '' || name === by || name.startsWith(`${by}.`)) return;
    // `a.Outer.Inner` keeps `a.Outer`.
    for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
      used.add(name.slice(0, end));
    }
  };
  for (const { service, extension } of files.file) {
    for (const { inputType, outputType } of service.flatMap(({ method }) => method)) {
      use(inputType, '');
      use(outputType, '');
    }
    for (const { typeName, extendee } of extension) {
      use(typeName, '');
      use(extendee, '');
    }
  }
  for (const [name, type] of typesIn(files)) {
    if (type.$typeName !== 'google.protobuf.DescriptorProto') continue;
    for (const { typeName } of type.field) use(typeName, outermost(name, files));
  }
  return used;
}

/** The top-level message that a nested one stands in: what is used inside of it is its own. */
function outermost(name: string, { file }: Files): string {
  const top = file.flatMap((one) =>
    one.messageType.map((type) => `${one.package === '' ? '' : `${one.package}.`}${type.name}`),
  );
  return top.find((one) => name === one || name.startsWith(`${one}.`)) ?? name;
}

/** Takes a field out, and its oneof where nothing else is in that. */
export function removeField(message: DescriptorProto, field: FieldDescriptorProto): void {
  message.field = message.field.filter((one) => one !== field);
  if (!Object.hasOwn(field, 'oneofIndex')) return;
  const index = field.oneofIndex;
  const others = message.field.filter((one) => Object.hasOwn(one, 'oneofIndex'));
  if (others.some(({ oneofIndex }) => oneofIndex === index)) return;
  message.oneofDecl.splice(index, 1);
  for (const one of others) if (one.oneofIndex > index) one.oneofIndex -= 1;
}
