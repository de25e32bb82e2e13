// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  centsOf,
  itemToV1,
  itemToV2,
  orderToV1,
  placeOrderToV2,
  quoteToV1,
  stateToV1,
  updateToV1,
} from '../../examples/versions/v1-messages.ts';
import { createOrders } from '../../examples/versions/orders.ts';
import { ordersV1 } from '../../examples/versions/v1.ts';
import * as v1 from '../../generated/orders/v1/orders.ts';
import * as v2 from '../../generated/orders/v2/orders.ts';
import { root, run } from '../../scripts/lib/run.ts';
import type { Client, ServiceDefinition } from '../../src/index.ts';
import { createClient, Status } from '../../src/index.ts';
import { inMemoryTransport, testPair } from '../../src/testing/index.ts';
import { collect, rejection, testRuntime } from '../support/harness.ts';

const ITEM: v1.OrderItem = { sku: 'cup', quantity: 2 };
const AT = new Date(1_790_000_000_000);

const ORDER: v2.Order = {
  id: 'a',
  customer: 'ada',
  lines: [{ item: ITEM, price: { currencyCode: 'EUR', minorUnits: 1_580n } }],
  state: v2.OrderState.SHIPPED,
  total: { currencyCode: 'EUR', minorUnits: 1_580n },
  placedAt: AT,
};

describe('messages of one version as messages of the other', () => {
  test('an item survives the way there and back', () => {
    expect(itemToV1(itemToV2(ITEM))).toEqual(ITEM);
  });

  test('each state is the one of the same name', () => {
    for (const [name, state] of Object.entries(v2.OrderState)) {
      expect(stateToV1(state)).toBe(v1.OrderState[name as keyof typeof v1.OrderState]);
    }
    expect(updateToV1({ state: v2.OrderState.PAID, at: AT })).toEqual({
      state: v1.OrderState.PAID,
      at: AT,
    });
  });

  test('an order has all that v1 knows of it', () => {
    expect(orderToV1(ORDER)).toEqual({
      id: 'a',
      customer: 'ada',
      items: [ITEM],
      state: v1.OrderState.SHIPPED,
      totalCents: 1_580n,
      placedAt: AT,
    });
    const { items } = orderToV1({ ...ORDER, lines: [{ item: undefined, price: undefined }] });
    expect(items).toEqual([]);
    // Whole: nothing is lost on the wire that was there before.
    const whole = orderToV1(ORDER);
    expect(v1.Order.decode(v1.Order.encode(whole).finish())).toEqual(whole);
  });

  test('an amount of another currency does not pass for euros', () => {
    expect(centsOf(undefined)).toBe(0n);
    expect(() => centsOf({ currencyCode: 'JPY', minorUnits: 1n })).toThrow("an amount in 'JPY'");
  });

  test('a request of v1 gets a request id, and a quote loses its currency', () => {
    expect(placeOrderToV2({ customer: 'ada', items: [ITEM] }, 'r1')).toEqual({
      requestId: 'r1',
      customer: 'ada',
      items: [ITEM],
    });
    const value = { currencyCode: 'EUR', minorUnits: 5n };
    expect(quoteToV1({ answer: { $case: 'price', value } })).toEqual({
      quote: { $case: 'priceCents', value: 5n },
    });
    const unavailable = { $case: 'unavailable', value: 'gone' } as const;
    expect(quoteToV1({ answer: unavailable })).toEqual({ quote: unavailable });
    expect(quoteToV1({ answer: undefined })).toEqual({ quote: undefined });
  });
});

/** A client of each version, of one server. */
interface Both extends AsyncDisposable {
  readonly old: Client<typeof v1.OrdersServiceDefinition>;
  readonly current: Client<typeof v2.OrdersServiceDefinition>;
}

async function both(): Promise<Both> {
  const shared = { runtime: testRuntime(), transport: inMemoryTransport() };
  const orders = createOrders();
  const pair = await testPair(v2.OrdersServiceDefinition, orders, shared);
  pair.server.add(v1.OrdersServiceDefinition, ordersV1(orders));
  const old = createClient(v1.OrdersServiceDefinition, pair.target, shared);
  return {
    old,
    current: pair.client,
    async [Symbol.asyncDispose]() {
      await old[Symbol.asyncDispose]();
      await pair[Symbol.asyncDispose]();
    },
  };
}

describe('one implementation', () => {
  test('what one version places, the other finds', async () => {
    await using clients = await both();
    const placed = await clients.old.placeOrder({ customer: 'ada', items: [ITEM] });
    const id = placed.order?.id ?? '';
    const { order, stockLeft } = await clients.current.getOrder({ id });
    expect(order).toMatchObject({ id, customer: 'ada', lines: [{ item: ITEM }] });
    expect(order && orderToV1(order)).toEqual(placed.order);
    expect(await clients.old.getOrder({ id, customer: 'whoever' })).toEqual({
      order: placed.order,
      stockLeft,
    });
    const other = await clients.current.placeOrder({
      requestId: 'r',
      customer: 'ada',
      items: [ITEM],
    });
    const found = await clients.old.getOrder({ id: other.order?.id ?? '' });
    expect(found.order).toEqual(other.order && orderToV1(other.order));
  });

  test('v1 has all of a list in one answer, v2 has it in pages', async () => {
    await using clients = await both();
    for (let index = 0; index < 101; index++) {
      await clients.old.placeOrder({ customer: 'ada', items: [ITEM] });
    }
    await clients.old.placeOrder({ customer: 'bob', items: [ITEM] });
    expect((await clients.old.listOrders({ customer: 'ada' })).orders).toHaveLength(101);
    const first = await clients.current.listOrders({ customer: 'ada' });
    const { nextPageToken: pageToken } = first;
    const second = await clients.current.listOrders({ customer: 'ada', pageToken });
    expect([first.orders.length, second.orders.length]).toEqual([100, 1]);
    expect(second.nextPageToken).toBe('');
    const strange = clients.current.listOrders({ customer: 'ada', pageToken: 'none' });
    expect(await rejection(strange)).toMatchObject({ code: Status.INVALID_ARGUMENT });
  });

  test('streams of v1 are calls of v2, and streams where v2 has them', async () => {
    await using clients = await both();
    const { old, current } = clients;
    const request = { customer: 'ada', items: [ITEM] };
    const imported = await old.importOrders(streamOf(request, request));
    expect(imported).toEqual({ imported: 2, totalCents: 2n * 1_580n });
    const items = [ITEM, { sku: 'cup', quantity: 11 }, { sku: 'car', quantity: 1 }];
    const quotes = await collect(old.quoteItems(streamOf(...items.map((item) => ({ item })))));
    const quoted = await current.quoteOrder({ items });
    expect(quotes).toEqual(quoted.quotes.map(quoteToV1));
    expect(quotes.map(({ quote }) => quote?.value)).toEqual([
      1_580n,
      'Only 10 are left',
      'Nobody sells it',
    ]);
    const { order } = await current.placeOrder({ requestId: 'r', ...request });
    const updates = await collect(old.watchOrder({ id: order?.id ?? '' }));
    expect(updates.map(({ state }) => state)).toEqual([
      v1.OrderState.PAID,
      v1.OrderState.SHIPPED,
      v1.OrderState.DELIVERED,
    ]);
  });

  test('what fails in v2 fails in v1 alike', async () => {
    await using clients = await both();
    for (const client of [clients.old, clients.current]) {
      const error = await rejection(client.getOrder({ id: 'none' }));
      expect(error).toMatchObject({ code: Status.NOT_FOUND, details: "There is no order 'none'" });
    }
    const twice = { requestId: 'r', customer: 'ada', items: [ITEM] };
    const [one, two] = [
      await clients.current.placeOrder(twice),
      await clients.current.placeOrder(twice),
    ];
    expect(two).toEqual(one);
  });
});

async function* streamOf<T>(...messages: T[]): AsyncGenerator<T> {
  yield* messages;
}

test('the page names every method and all that is deprecated', async () => {
  const page = await readFile(join(root, 'examples/versions/MIGRATION.md'), 'utf8');
  const definition: ServiceDefinition = v1.OrdersServiceDefinition;
  const names = Object.values(definition.methods).flatMap(({ name, deprecated }) => {
    const messages = Object.entries(deprecated?.request?.messages ?? {});
    const fields = messages.flatMap(([message, own]) =>
      Object.values(own).map((field) => `${message}.${field.name}`.replace('orders.v1.', '')),
    );
    return [
      deprecated?.method === true ? `\`${name}\` (deprecated)` : `\`${name}\``,
      ...fields.map((field) => `\`${field}\` (deprecated)`),
    ];
  });
  expect(names).toHaveLength(6 + 2);
  for (const name of names) expect(page).toContain(`\n| ${name}`);
});

test('npm run example:versions shows both, and who is left', { timeout: 60_000 }, async () => {
  const { code, stdout, output } = await run('npm', ['run', '--silent', 'example:versions']);
  expect({ code, output }).toEqual({ code: 0, output: stdout });
  expect(stdout).toMatch(/checkout, which speaks orders\.v1\n {2}PlaceOrder {2}5650 cents\n/);
  expect(stdout).toMatch(/PlaceOrder {2}59\.00 EUR, the same order when tried again\n/);
  const rows = stdout.slice(stdout.indexOf('METHOD')).replaceAll(/ +/g, ' ').split('\n');
  const service = 'orders.v1.OrdersService';
  expect(rows.slice(0, 4)).toEqual([
    'METHOD FIELD CALLER CALLS LAST USE',
    expect.stringMatching(`^${service}/GetOrder orders.v1.GetOrderRequest.customer checkout 1 20`),
    expect.stringMatching(`^${service}/ListOrders - checkout 1 20`),
    `${service}/WatchOrder orders.v1.WatchOrderRequest.customer - 0 unused: safe to remove here`,
  ]);
});
