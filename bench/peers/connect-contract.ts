import { create, createFileRegistry, type Message } from '@bufbuild/protobuf';
import type { GenMessage, GenService } from '@bufbuild/protobuf/codegenv2';
import {
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

import { Sample, ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';

/*
 * Connect takes protobuf-es descriptors only. On the wire a sub-message and a `bytes` field are the
 * same, so the contract is declared once more with `bytes sample`, and the bytes are coded by the
 * codec of all the other rows. What stays protobuf-es is the envelope of one or two fields.
 */

const { fullName, methods } = ShapesServiceDefinition;
const protoPackage = fullName.slice(0, fullName.lastIndexOf('.'));

/** UnaryRequest, UnaryResponse and BidiRequest. */
type Envelope = Message & { sample: Uint8Array };
type CountedEnvelope = Envelope & { count: number };
type IndexedEnvelope = Envelope & { index: number };

type ShapesService = GenService<{
  unary: {
    methodKind: 'unary';
    input: GenMessage<Envelope>;
    output: GenMessage<Envelope>;
  };
  serverStream: {
    methodKind: 'server_streaming';
    input: GenMessage<CountedEnvelope>;
    output: GenMessage<IndexedEnvelope>;
  };
  bidi: {
    methodKind: 'bidi_streaming';
    input: GenMessage<Envelope>;
    output: GenMessage<IndexedEnvelope>;
  };
}>;

/** The service as Connect sees it. */
export const shapesService: ShapesService = describeService();

export function encodeSample(sample: Sample | undefined): Uint8Array {
  return sample === undefined ? new Uint8Array(0) : Sample.encode(sample).finish();
}

export function decodeSample(bytes: Uint8Array): Sample {
  return Sample.decode(bytes);
}

function describeService(): ShapesService {
  const sample = (number: number): FieldDescriptorProto =>
    field('sample', number, FieldDescriptorProto_Type.BYTES);
  const integer = (name: string, number: number): FieldDescriptorProto =>
    field(name, number, FieldDescriptorProto_Type.INT32);
  const file = create(FileDescriptorProtoSchema, {
    name: 'bench/shapes.proto',
    package: protoPackage,
    syntax: 'proto3',
    messageType: [
      { name: 'UnaryRequest', field: [sample(1)] },
      { name: 'UnaryResponse', field: [sample(1)] },
      { name: 'ServerStreamRequest', field: [sample(1), integer('count', 2)] },
      { name: 'ServerStreamResponse', field: [integer('index', 1), sample(2)] },
      { name: 'BidiRequest', field: [sample(1)] },
      { name: 'BidiResponse', field: [integer('index', 1), sample(2)] },
    ],
    service: [
      {
        name: ShapesServiceDefinition.name,
        method: [methods.unary, methods.serverStream, methods.bidi].map((method) => ({
          name: method.name,
          inputType: `.${protoPackage}.${method.name}Request`,
          outputType: `.${protoPackage}.${method.name}Response`,
          clientStreaming: method.requestStream,
          serverStreaming: method.responseStream,
        })),
      },
    ],
  });
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const service = registry.getService(fullName);
  if (service === undefined) throw new Error(`no descriptor for ${fullName}`);
  // The registry knows the shapes at run time only; the declaration above is their type.
  return service as unknown as ShapesService;
}

function field(
  name: string,
  number: number,
  type: FieldDescriptorProto_Type,
): FieldDescriptorProto {
  return create(FieldDescriptorProtoSchema, {
    name,
    number,
    type,
    label: FieldDescriptorProto_Label.OPTIONAL,
    jsonName: name,
  });
}
