import { create } from '@bufbuild/protobuf';
import type { CodeGeneratorRequest, CodeGeneratorResponse } from '@bufbuild/protobuf/wkt';
import {
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  Edition,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

import { lineOfProblem } from '../contract/places.ts';
import { readDescriptors } from '../contract/read-contract.ts';
import { ConfigError } from '../core/errors.ts';
import { fileNames } from '../contract/file-names.ts';
import { deprecationsIn } from './deprecations.ts';
import { descriptorsFile, splitParameter } from './descriptors-file.ts';
import { markMethods, writeExtras } from './method-marks.ts';
import { runTsProto } from './run-ts-proto.ts';

/**
 * Answers a request of buf or protoc. Throws a ConfigError that lists everything in the options
 * that makes no sense, one `file:line:column: message` a line.
 */
export async function generate(request: CodeGeneratorRequest): Promise<CodeGeneratorResponse> {
  const { forTsProto, descriptors } = splitParameter(request.parameter);
  const set = create(FileDescriptorSetSchema, { file: request.protoFile });
  const only = new Set(request.fileToGenerate);
  const { methods, problems } = readDescriptors(set, { fileName: fileNames(process.cwd()), only });
  if (problems.length > 0) throw new ConfigError(problems.map(lineOfProblem).join('\n'));
  const policies = new Map(methods.map(({ fullName, policy }) => [fullName, policy]));
  const deprecations = deprecationsIn(set, only);
  const marked = markMethods(request, (name) => ({
    policy: policies.get(name),
    deprecated: deprecations.get(name),
  }));
  if (marked.request.fileToGenerate.length === 0) return nothing();
  marked.request.parameter = forTsProto;
  const response = writeExtras(await runTsProto(marked.request), marked.extras);
  if (descriptors !== undefined) {
    const own = new Set(marked.request.fileToGenerate);
    response.file.push(descriptorsFile(descriptors, request.protoFile, own));
  }
  return response;
}

/** Of a run over policy.proto alone, as the strategy `directory` makes them. */
function nothing(): CodeGeneratorResponse {
  const features =
    CodeGeneratorResponse_Feature.PROTO3_OPTIONAL | CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS;
  return create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(features),
    minimumEdition: Edition.EDITION_PROTO2,
    maximumEdition: Edition.EDITION_2024,
  });
}
