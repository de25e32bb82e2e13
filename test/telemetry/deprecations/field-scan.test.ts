// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';

import {
  DeprecationsServiceDefinition,
  Part,
  PutRequest,
} from '../../../generated/inboard/testing/v1/deprecations.ts';
import { PutRequest as LosslessPutRequest } from '../../../generated/lossless/inboard/testing/v1/deprecations.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { FieldScan } from '../../../src/telemetry/deprecations/field-scan.ts';

const { request } = DeprecationsServiceDefinition.methods.put.deprecated;

/** The deprecated fields that are set in a message, without their package. */
function found(bytes: Uint8Array, scan: FieldScan = new FieldScan(request)): string[] {
  const names: string[] = [];
  scan.find(bytes, (place) => names.push(String(scan.names[place])));
  return names.map((name) => name.replace('inboard.testing.v1.', ''));
}

type Partial = Parameters<typeof PutRequest.fromPartial>[0];

function encode(message: Partial): Uint8Array {
  return PutRequest.encode(PutRequest.fromPartial(message)).finish();
}

function foundIn(message: Partial): string[] {
  const bytes = encode(message);
  // Other options of ts-proto make another message of the same bytes.
  const lossless = LosslessPutRequest.encode(LosslessPutRequest.decode(bytes)).finish();
  expect(found(lossless)).toEqual(found(bytes));
  return found(bytes);
}

const PART = { name: 'a', oldBytes: Buffer.from('b') };

describe('finds each deprecated field that a request sets', () => {
  const paths: [kind: string, message: Partial, names: string[]][] = [
    ['text', { oldText: 'a' }, ['PutRequest.old_text']],
    ['a 64-bit number', { oldNumber: -1n }, ['PutRequest.old_number']],
    ['an optional one at its default', { oldFlag: false }, ['PutRequest.old_flag']],
    ['repeated', { oldNumbers: [0] }, ['PutRequest.old_numbers']],
    ['a map', { oldLabels: new Map([['', '']]) }, ['PutRequest.old_labels']],
    ['an enum', { oldColor: 2 }, ['PutRequest.old_color']],
    ['a case of a oneof', { choice: { $case: 'oldChoice', value: '' } }, ['PutRequest.old_choice']],
    ['a type that is deprecated', { oldType: {} }, ['PutRequest.old_type']],
    ['a name that code cannot have', { oldName2x: 'a' }, ['PutRequest.old_name_2x']],
    ['nested', { part: PART }, ['Part.old_bytes']],
    [
      'nested in a case of a oneof',
      { choice: { $case: 'partChoice', value: PART } },
      ['Part.old_bytes'],
    ],
    ['nested in some of a list', { parts: [{}, { name: 'a' }, PART, PART] }, ['Part.old_bytes']],
    ['nested in a map', { partsByName: new Map([['a', PART]]) }, ['Part.old_bytes']],
    ['nested in a deprecated one', { oldPart: PART }, ['PutRequest.old_part', 'Part.old_bytes']],
    [
      'in a message that holds itself',
      { tree: { children: [{}, { children: [{ oldWeight: 1 }] }] } },
      ['Tree.old_weight'],
    ],
    [
      'several',
      { oldText: 'a', part: PART, tree: { oldWeight: 1 } },
      ['PutRequest.old_text', 'Part.old_bytes', 'Tree.old_weight'],
    ],
  ];
  test.each(paths)('%s', (_kind, message, names) => {
    expect(foundIn(message)).toEqual(names);
  });
});

describe('finds nothing', () => {
  const paths: [kind: string, message: Partial][] = [
    ['in an empty message', {}],
    [
      'where fields are at their defaults',
      { oldText: '', oldNumber: 0n, oldNumbers: [], oldColor: 0 },
    ],
    [
      'in fields that are not deprecated',
      { name: 'oldText', choice: { $case: 'newChoice', value: 'a' } },
    ],
    [
      'in messages without them',
      { part: { name: 'a' }, parts: [{ name: 'b' }], tree: { children: [{}] } },
    ],
    [
      'in a map without them',
      { partsByName: new Map([['old_bytes', Part.fromPartial({ name: 'a' })]]) },
    ],
  ];
  test.each(paths)('%s', (_kind, message) => {
    expect(foundIn(message)).toEqual([]);
  });
});

test('fields of nobody are stepped over, whatever their type', () => {
  const writer = new BinaryWriter()
    .tag(2_000, WireType.Varint)
    .uint64(2n ** 64n - 1n)
    .tag(2_001, WireType.Bit64)
    .double(1)
    .tag(2_002, WireType.Bit32)
    .float(1)
    .tag(2_003, WireType.LengthDelimited)
    .string('old')
    .tag(2_004, WireType.StartGroup)
    .tag(2, WireType.LengthDelimited)
    .string('not the field 2 of the request')
    .tag(2_005, WireType.StartGroup)
    .tag(2_005, WireType.EndGroup)
    .tag(2_004, WireType.EndGroup);
  expect(found(writer.finish())).toEqual([]);
  expect(found(writer.tag(2, WireType.LengthDelimited).string('a').finish())).toEqual([
    'PutRequest.old_text',
  ]);
});

test('a message may come as a group (proto2, editions), in it and after it all is found', () => {
  const bytes = new BinaryWriter()
    .tag(11, WireType.StartGroup)
    .tag(2, WireType.LengthDelimited)
    .bytes(new Uint8Array(3))
    .tag(11, WireType.EndGroup)
    .tag(2, WireType.LengthDelimited)
    .string('a')
    .finish();
  expect(found(bytes)).toEqual(['PutRequest.old_text', 'Part.old_bytes']);
});

test('is bounded in depth: what is deeper is not looked at, what comes after it is', () => {
  const nested = (depth: number): Partial['tree'] => {
    let tree: Partial['tree'] = { oldWeight: 1 };
    for (let level = 1; level < depth; level++) tree = { children: [tree ?? {}] };
    return tree;
  };
  // What generated code decodes is never deeper.
  const deepest = encode({ tree: nested(99) });
  expect(() => PutRequest.decode(deepest)).not.toThrow();
  expect(() => PutRequest.decode(encode({ tree: nested(100) }))).toThrow('recursion limit');
  expect(found(deepest)).toEqual(['Tree.old_weight']);
  const deeper = encode({ tree: nested(500), oldName2x: 'a' });
  expect(found(deeper)).toEqual(['PutRequest.old_name_2x']);
  const groups = new BinaryWriter();
  for (let level = 0; level < 100_000; level++) groups.tag(14, WireType.StartGroup);
  expect(found(groups.finish())).toEqual([]);
});

test('never throws and always ends, whatever the bytes', () => {
  const whole = encode({ oldText: 'abc', parts: [PART, PART], tree: { children: [{}] } });
  const scan = new FieldScan(request);
  for (let length = 0; length < whole.length; length++) found(whole.subarray(0, length), scan);
  const random = seededRandom(7);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: 1 + random() * 40 }, () => random() * 256);
    found(bytes, scan);
  }
  expect(found(whole, scan)).toEqual(['PutRequest.old_text', 'Part.old_bytes']);
});

test('a description that lacks a message does as if nothing were in it', () => {
  const scan = new FieldScan({ type: 'a.M', messages: { 'a.M': { 1: { holds: 'a.N' } } } });
  expect(scan.names).toEqual([]);
  expect(found(Uint8Array.of(0x0a, 0x02, 0x12, 0x00), scan)).toEqual([]);
  expect(found(Uint8Array.of(0x0a, 0x00), new FieldScan({ type: 'a.X', messages: {} }))).toEqual(
    [],
  );
});
