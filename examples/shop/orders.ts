// The shop's front door, and the file to read first: a service of all four shapes that calls two
// others. No handler passes a deadline on: calls made in it inherit what is left of its own, and
// its cancellation.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { InventoryServiceDefinition } from '../../generated/inventory/v1/inventory.ts';
import {
  type Order,
  type OrderItem,
  OrdersServiceDefinition,
  OrderState,
} from '../../generated/orders/v1/orders.ts';
import { PaymentsServiceDefinition } from '../../generated/payments/v1/payments.ts';
import {
  createChannel,
  createClient,
  createServer,
  RpcError,
  ServerError,
  Status,
} from '../../src/index.ts';
import { ENTRY_HEADER } from './runner/meter.ts';
import { REFLECTION, ShopProcess } from './runner/shop-process.ts';

/** Older orders are forgotten: this is memory. */
const MAX_ORDERS = 1_000;

/** How often a stream that broke is begun again. */
const WATCH_TRIES = 3;

const shop = new ShopProcess('orders');
const { runtime } = shop;
const interceptors = { perCall: [shop.meter.client] };
// Retries, hedges, breakers, ejections: see policy.yaml. It is read again whenever it changes.
const policy = await shop.policy();
const toInventory = createChannel(shop.target('inventory'), { runtime, policy });
const inventory = createClient(InventoryServiceDefinition, toInventory, { policy, interceptors });
const toPayments = createChannel(shop.target('payments'), { runtime, policy });
const payments = createClient(PaymentsServiceDefinition, toPayments, { policy, interceptors });
shop.watch(inventory, toInventory);
shop.watch(payments, toPayments);
const orders = new Map<string, Order>();

const server = createServer({
  runtime,
  signals: ['SIGTERM', 'SIGINT'],
  drain: { propagationMs: 1_000, graceMs: 3_000 },
  reflection: REFLECTION,
  // Repeated on every call that a handler makes.
  propagate: [ENTRY_HEADER],
  interceptors: { beforeHandler: [shop.meter.server] },
});

server.add(OrdersServiceDefinition, {
  async getOrder({ id }) {
    const order = find(id);
    const stock = await Promise.all(order.items.map(({ sku }) => stockOf(sku)));
    return { order, stockLeft: new Map(stock.map(({ sku, units }) => [sku, units])) };
  },

  async placeOrder({ customer, items }) {
    const id = randomUUID();
    const prices = await Promise.all(items.map(priceOf));
    const totalCents = sum(prices);
    await Promise.all(
      items.map(({ sku, quantity }) =>
        inventory
          .reserveStock({ reservationId: `${id}/${sku}`, sku, quantity })
          .catch(failUpstream),
      ),
    );
    await charge(customer, id, totalCents);
    return { order: store({ id, customer, items, totalCents, state: OrderState.PAID }) };
  },

  async *watchOrder({ id }, { signal }) {
    const order = find(id);
    yield { state: order.state, at: new Date() };
    if (order.state === OrderState.DELIVERED) return;

    // It ships once the warehouse has told of each of its items.
    await untilTold(order.items.map(({ sku }) => sku));
    yield { state: OrderState.SHIPPED, at: new Date() };
    await delay(300, undefined, { signal });
    if (orders.has(id)) orders.set(id, { ...order, state: OrderState.DELIVERED });
    yield { state: OrderState.DELIVERED, at: new Date() };
  },

  async importOrders(requests) {
    let imported = 0;
    let totalCents = 0n;
    // The next order is read when this one is done, so that a fast client is held back.
    for await (const { customer, items } of requests) {
      const cents = sum(await Promise.all(items.map(priceOf)));
      store({ id: randomUUID(), customer, items, totalCents: cents, state: OrderState.PLACED });
      imported += 1;
      totalCents += cents;
    }
    return { imported, totalCents };
  },

  async *quoteItems(requests) {
    for await (const { item } of requests) {
      if (item === undefined) throw new ServerError(Status.INVALID_ARGUMENT, 'item is missing');
      const { units, priceCents } = await stockOf(item.sku);
      if (units < BigInt(item.quantity)) {
        yield { quote: { $case: 'unavailable', value: `Only ${units} are left` } };
      } else {
        yield {
          quote: { $case: 'priceCents', value: priceCents * BigInt(item.quantity) },
        };
      }
    }
  },

  // oxlint-disable-next-line typescript/no-deprecated -- served until nobody calls it
  listOrders({ customer }) {
    return { orders: [...orders.values()].filter((order) => order.customer === customer) };
  },
});

async function charge(customer: string, orderId: string, amountCents: bigint): Promise<void> {
  try {
    await payments.chargeCustomer({ customer, orderId, amountCents });
  } catch (error) {
    // Payments never saw the charge: the order has failed for certain and may be placed again.
    if (error instanceof RpcError && error.processed === 'no') {
      throw new ServerError(Status.ABORTED, `Nobody was charged: ${error.details}`);
    }
    failUpstream(error);
  }
}

/**
 * A stream that has begun is not tried again for us, since nobody knows what we made of it. This one
 * is safe to begin anew.
 */
async function untilTold(skus: readonly string[]): Promise<void> {
  const awaited = new Set(skus);
  for (let tries = 1; awaited.size > 0; tries++) {
    try {
      for await (const { sku } of inventory.watchStock({ skus: [...awaited] })) {
        awaited.delete(sku);
        // Leaving the loop ends the stream, there as well as here.
        if (awaited.size === 0) break;
      }
    } catch (error) {
      const away = error instanceof RpcError && error.code === Status.UNAVAILABLE;
      if (!away || tries === WATCH_TRIES) failUpstream(error);
    }
  }
}

async function priceOf({ sku, quantity }: OrderItem): Promise<bigint> {
  const { priceCents } = await stockOf(sku);
  return priceCents * BigInt(quantity);
}

function stockOf(sku: string) {
  return inventory.getStock({ sku }).catch(failUpstream);
}

/** Tells a failure further down as it was; left alone it would be our own internal error. */
function failUpstream(error: unknown): never {
  if (!(error instanceof RpcError)) throw error;
  throw new ServerError(error.code, error.message);
}

function find(id: string): Order {
  const order = orders.get(id);
  if (order === undefined) throw new ServerError(Status.NOT_FOUND, `There is no order '${id}'`);
  return order;
}

function store(order: Omit<Order, 'placedAt'>): Order {
  const stored = { ...order, placedAt: new Date() };
  orders.set(order.id, stored);
  const [oldest] = orders.keys();
  if (orders.size > MAX_ORDERS && oldest !== undefined) orders.delete(oldest);
  return stored;
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

await shop.serve(server, [inventory, payments, toInventory, toPayments]);
