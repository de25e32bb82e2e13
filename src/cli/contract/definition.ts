import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel as Idempotency } from '@bufbuild/protobuf/wkt';

import type { MethodDefinition, ServiceDefinition } from '../../index.ts';

/** The service of a method, with that method alone, as inboard's clients want it. */
export function definitionOf(method: DescMethod): ServiceDefinition {
  const { name, localName, parent, methodKind, idempotency } = method;
  const definition: MethodDefinition = {
    name,
    requestType: typeOf(method.input),
    requestStream: methodKind === 'client_streaming' || methodKind === 'bidi_streaming',
    responseType: typeOf(method.output),
    responseStream: methodKind === 'server_streaming' || methodKind === 'bidi_streaming',
    options: idempotencyOf(idempotency),
  };
  return { fullName: parent.typeName, methods: { [localName]: definition } };
}

function typeOf(desc: DescMessage): MethodDefinition['requestType'] {
  return {
    encode: (message: Message) => ({ finish: () => toBinary(desc, message) }),
    decode: (bytes) => fromBinary(desc, bytes),
    fromPartial: (message: Message) => message,
  };
}

function idempotencyOf(level: Idempotency): MethodDefinition['options'] {
  if (level === Idempotency.NO_SIDE_EFFECTS) return { idempotencyLevel: 'NO_SIDE_EFFECTS' };
  return level === Idempotency.IDEMPOTENT ? { idempotencyLevel: 'IDEMPOTENT' } : {};
}
