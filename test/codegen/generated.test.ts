import { describe, expect, expectTypeOf, test } from 'vitest';

import { Color, Sample } from '../../generated/inboard/testing/v1/shapes.ts';
import { Sample as LosslessSample } from '../../generated/lossless/inboard/testing/v1/shapes.ts';
import { OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import type { Client } from '../../src/index.ts';

const BIG = 2n ** 63n - 1n;

describe('generated messages', () => {
  test('64-bit integers survive whole', () => {
    const bytes = Sample.encode(
      Sample.fromPartial({ big: BIG, numbers: [-BIG, 9007199254740993n] }),
    ).finish();
    expect(Sample.decode(bytes)).toMatchObject({ big: BIG, numbers: [-BIG, 9007199254740993n] });
  });

  test('a oneof is a union that the compiler narrows', () => {
    const bytes = Sample.encode(
      Sample.fromPartial({ choice: { $case: 'number', value: 7n } }),
    ).finish();
    const { choice } = Sample.decode(bytes);
    expect(choice).toEqual({ $case: 'number', value: 7n });
    if (choice?.$case === 'number') expectTypeOf(choice.value).toEqualTypeOf<bigint>();
  });

  test('enums are literals, without their prefix', () => {
    expect(Color.BLUE).toBe(2);
    expectTypeOf(Color.BLUE).toEqualTypeOf<2>();
  });

  test('a map key __proto__ is a key like any other', () => {
    const labels = new Map([['__proto__', 'x']]);
    const decoded = Sample.decode(Sample.encode(Sample.fromPartial({ labels })).finish());
    expect(decoded.labels.get('__proto__')).toBe('x');
    expect(Object.getPrototypeOf(decoded)).toBe(Object.getPrototypeOf(Sample.create()));
  });

  test('timestamps are dates by default, and keep their nanoseconds where that is chosen', () => {
    const at = { seconds: 1_700_000_000n, nanos: 123_456_789 };
    const bytes = LosslessSample.encode(LosslessSample.fromPartial({ at })).finish();
    expect(LosslessSample.decode(bytes).at).toEqual(at);
    expect(Sample.decode(bytes).at).toEqual(new Date(1_700_000_000_123));
  });
});

test('a client’s methods have the types of their contract', () => {
  type Orders = Client<typeof OrdersServiceDefinition>;
  type Request = Parameters<Orders['getOrder']>[0];
  expectTypeOf<{ id: string }>().toExtend<Request>();
  expectTypeOf<{ id: number }>().not.toExtend<Request>();
  expectTypeOf<Awaited<ReturnType<Orders['getOrder']>>['stockLeft']>().toExtend<
    ReadonlyMap<string, bigint>
  >();
  expectTypeOf<ReturnType<Orders['watchOrder']>>().toExtend<
    AsyncIterable<{ readonly state: number }>
  >();
  expectTypeOf<Parameters<Orders['importOrders']>[0]>().toExtend<AsyncIterable<object>>();
  expect(Object.keys(OrdersServiceDefinition.methods)).toEqual([
    'getOrder',
    'placeOrder',
    'watchOrder',
    'importOrders',
    'quoteItems',
    'listOrders',
  ]);
});
