import type { DescEnum, DescFile, DescMessage, DescService } from '@bufbuild/protobuf';

/** Numbers of the fields in descriptor.proto that lead to a declaration. */
export const IN = {
  file: { message: 4, enum: 5, service: 6 },
  message: { field: 2, message: 3, enum: 4, oneof: 8 },
  enumValue: 2,
  method: 2,
} as const;

/** Where a declaration stands in its file: descriptor.proto's `SourceCodeInfo.Location.path`. */
export type Path = readonly number[];

export function pathOf(type: DescMessage | DescEnum | DescService): Path {
  const { file } = type;
  if (type.kind === 'service') {
    return [IN.file.service, file.proto.service.indexOf(type.proto)];
  }
  const { parent } = type;
  if (type.kind === 'message') {
    return parent === undefined
      ? [IN.file.message, file.proto.messageType.indexOf(type.proto)]
      : [...pathOf(parent), IN.message.message, parent.proto.nestedType.indexOf(type.proto)];
  }
  return parent === undefined
    ? [IN.file.enum, file.proto.enumType.indexOf(type.proto)]
    : [...pathOf(parent), IN.message.enum, parent.proto.enumType.indexOf(type.proto)];
}

/** The comment of a declaration, as lines of a `.proto` file; none where the file keeps none. */
export function commentLines(file: DescFile, path: Path): string[] {
  const key = path.join();
  const location = file.proto.sourceCodeInfo?.location.find((each) => each.path.join() === key);
  if (location === undefined) return [];
  const text = location.leadingComments || location.trailingComments;
  if (text === '') return [];
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `//${line}`.trimEnd());
}
