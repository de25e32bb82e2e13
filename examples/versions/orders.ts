// The one implementation. It speaks the newest version, orders.v2, and knows of no other.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import {
  type Money,
  type Order,
  type OrderItem,
  type OrderLine,
  type OrdersServiceDefinition,
  OrderState,
  type Quote,
} from '../../generated/orders/v2/orders.ts';
import type { CallContext, ServiceImplementation } from '../../src/index.ts';
import { ServerError, Status } from '../../src/index.ts';
import { CATALOG } from '../shop/catalog.ts';

/** How many units of each SKU there are. */
const STOCK = 10n;

/** Older orders are forgotten: this is memory. */
const MAX_ORDERS = 1_000;

const MAX_PAGE = 100;

/** How long an order takes from one state to the next, in ms. */
const STEP_MS = 20;

/** What the adapter of the older version stands on. Its answers are whole messages. */
export type Orders = ReturnType<typeof createOrders>;

export function createOrders() {
  const orders = new Map<string, Order>();
  const idsByRequest = new Map<string, string>();

  const find = (id: string): Order => {
    const order = orders.get(id);
    if (order === undefined) throw new ServerError(Status.NOT_FOUND, `There is no order '${id}'`);
    return order;
  };
  const store = (order: Order, requestId: string): Order => {
    orders.set(order.id, order);
    idsByRequest.set(requestId, order.id);
    forgetOldest(orders);
    forgetOldest(idsByRequest);
    return order;
  };

  return {
    async getOrder({ id }) {
      const order = find(id);
      const skus = order.lines.map(({ item }) => item?.sku ?? '');
      return { order, stockLeft: new Map(skus.map((sku) => [sku, STOCK])) };
    },

    async listOrders({ customer, pageSize, pageToken }) {
      const own = [...orders.values()].filter((order) => order.customer === customer);
      const from = pageToken === '' ? 0 : own.findIndex(({ id }) => id === pageToken);
      if (from === -1) throw new ServerError(Status.INVALID_ARGUMENT, 'page_token is none of ours');
      const until = from + Math.min(pageSize || MAX_PAGE, MAX_PAGE);
      return { orders: own.slice(from, until), nextPageToken: own[until]?.id ?? '' };
    },

    async placeOrder({ requestId, customer, items }) {
      if (requestId === '') throw new ServerError(Status.INVALID_ARGUMENT, 'request_id is missing');
      const before = idsByRequest.get(requestId);
      if (before !== undefined) return { order: find(before) };
      const lines = items.map(lineOf);
      const total = sum(lines.map(({ price }) => price));
      const state = OrderState.PAID;
      const order = { id: randomUUID(), customer, lines, state, total, placedAt: new Date() };
      return { order: store(order, requestId) };
    },

    async *watchOrder({ id }, { signal }: CallContext) {
      let { state } = find(id);
      yield { state, at: new Date() };
      for (const next of [OrderState.SHIPPED, OrderState.DELIVERED]) {
        if (state >= next) continue;
        await delay(STEP_MS, undefined, { signal });
        state = next;
        orders.set(id, { ...find(id), state });
        yield { state, at: new Date() };
      }
    },

    async quoteOrder({ items }) {
      const quotes = items.map(quoteOf);
      const prices = quotes.map(({ answer }) =>
        answer?.$case === 'price' ? answer.value : undefined,
      );
      return { quotes, total: sum(prices) };
    },
  } satisfies ServiceImplementation<typeof OrdersServiceDefinition>;
}

function quoteOf(item: OrderItem): Quote {
  const known = CATALOG.find(({ sku }) => sku === item.sku);
  if (known === undefined) return { answer: { $case: 'unavailable', value: 'Nobody sells it' } };
  if (BigInt(item.quantity) > STOCK) {
    return { answer: { $case: 'unavailable', value: `Only ${STOCK} are left` } };
  }
  return { answer: { $case: 'price', value: euros(known.priceCents * BigInt(item.quantity)) } };
}

function lineOf(item: OrderItem): OrderLine {
  const { answer } = quoteOf(item);
  if (answer?.$case === 'price') return { item, price: answer.value };
  throw new ServerError(Status.FAILED_PRECONDITION, `${item.sku}: ${answer?.value}`);
}

function euros(minorUnits: bigint): Money {
  return { currencyCode: 'EUR', minorUnits };
}

function sum(prices: readonly (Money | undefined)[]): Money {
  return euros(prices.reduce((total, price) => total + (price?.minorUnits ?? 0n), 0n));
}

function forgetOldest(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > MAX_ORDERS && oldest !== undefined) map.delete(oldest);
}
