// The shop's customers: calls `orders` in all four shapes, 44 times a second. What happens when a
// call fails is in policy.yaml, and not here.
import { type OrderItem, OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import { type ClientCall, createChannel, createClient, type Interceptor } from '../../src/index.ts';
import { CATALOG } from './catalog.ts';
import { ENTRY_HEADER } from './runner/meter.ts';
import { OpenLoop } from './runner/open-loop.ts';
import { ShopProcess } from './runner/shop-process.ts';

/** Orders that are looked up and followed are the latest ones. */
const MAX_KNOWN_ORDERS = 50;

const shop = new ShopProcess('gateway');

/** Writes the method that a customer called on the call, for the processes further down. */
const entry: Interceptor<ClientCall> = (next, method) => (call) => {
  call.headers.set(ENTRY_HEADER, method.name);
  shop.meter.hop(method.name, 'gateway', call.deadline - call.runtime.clock.now());
  return next(call);
};

const { runtime } = shop;
const policy = await shop.policy();
const channel = createChannel(shop.target('orders'), { runtime, policy });
const orders = createClient(OrdersServiceDefinition, channel, {
  policy,
  interceptors: { perCall: [shop.meter.client, entry] },
});
shop.watch(orders, channel);

const known: string[] = [];

async function getOrder(): Promise<void> {
  const id = pick(known);
  if (id !== undefined) await orders.getOrder({ id });
}

async function placeOrder(): Promise<void> {
  const { order } = await orders.placeOrder({ customer: someCustomer(), items: basket() });
  if (order !== undefined) known.push(order.id);
  if (known.length > MAX_KNOWN_ORDERS) known.shift();
}

async function watchOrder(): Promise<void> {
  const id = known.at(-1);
  if (id === undefined) return;
  for await (const { state } of orders.watchOrder({ id })) void state;
}

async function importOrders(): Promise<void> {
  await orders.importOrders(fiveOrders());
}

async function quoteItems(): Promise<void> {
  for await (const { quote } of orders.quoteItems(itemsToQuote())) void quote;
}

async function* fiveOrders() {
  for (let i = 0; i < 5; i++) yield { customer: someCustomer(), items: basket() };
}

async function* itemsToQuote() {
  for (const item of [...basket(), ...basket()]) yield { item };
}

/** Two different items. */
function basket(): OrderItem[] {
  const first = Math.floor(Math.random() * CATALOG.length);
  const second = (first + 1) % CATALOG.length;
  return [first, second].flatMap((index) => {
    const product = CATALOG[index];
    return product === undefined ? [] : [{ sku: product.sku, quantity: 1 + (index % 3) }];
  });
}

function someCustomer(): string {
  return `customer-${Math.floor(Math.random() * 20)}`;
}

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}

const load = new OpenLoop();
load.start(8, placeOrder);
load.start(20, getOrder);
load.start(6, watchOrder);
load.start(4, importOrders);
load.start(6, quoteItems);
await shop.untilClosed();
await load.stop();
await shop.leave([orders, channel]);
