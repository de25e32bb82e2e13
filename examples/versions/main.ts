// Serves orders.v1 and orders.v2 from one implementation, calls both, and asks who has not moved yet:
// `npm run example:versions`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { OrdersServiceDefinition as OrdersV1 } from '../../generated/orders/v1/orders.ts';
import {
  type Money,
  OrdersServiceDefinition as OrdersV2,
  OrderState,
} from '../../generated/orders/v2/orders.ts';
import { createClient, createRuntime, createServer } from '../../src/index.ts';
import { createOrders } from './orders.ts';
import { ordersV1 } from './v1.ts';

const INBOARD = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const orders = createOrders();
await using server = createServer();
server.add(OrdersV2, orders);
server.add(OrdersV1, ordersV1(orders));
const { address } = await server.listen('127.0.0.1:0');
const { url } = await server.admin.listen('127.0.0.1:0');
const target = `static:///${address}`;
console.log(`orders.v1 and orders.v2 at ${address}, admin endpoint at ${url}`);

await checkout();
await storefront();
console.log(`\n$ inboard deprecations --from ${url}`);
process.exitCode = await report();

/** A service that was written when there was only orders.v1. A runtime is a process's; its name, too. */
async function checkout(): Promise<void> {
  const runtime = createRuntime({ service: 'checkout' });
  await using client = createClient(OrdersV1, target, { runtime });
  console.log('\ncheckout, which speaks orders.v1');
  const items = [
    { sku: 'teapot', quantity: 1 },
    { sku: 'cup', quantity: 4 },
  ];
  const { order } = await client.placeOrder({ customer: 'ada', items });
  console.log(`  PlaceOrder  ${order?.totalCents} cents`);
  // oxlint-disable-next-line typescript/no-deprecated -- what this shows is who still sends it
  const found = await client.getOrder({ id: order?.id ?? '', customer: 'ada' });
  console.log(`  GetOrder    ${found.order?.items.length} items (sends customer, deprecated)`);
  // oxlint-disable-next-line typescript/no-deprecated -- what this shows is who still calls it
  const listed = await client.listOrders({ customer: 'ada' });
  console.log(`  ListOrders  ${listed.orders.length} order (deprecated)`);
}

/** A service that has moved to orders.v2. */
async function storefront(): Promise<void> {
  const runtime = createRuntime({ service: 'storefront' });
  await using client = createClient(OrdersV2, target, { runtime });
  console.log('\nstorefront, which speaks orders.v2');
  const items = [{ sku: 'kettle', quantity: 1 }];
  const request = { requestId: 'storefront-1', customer: 'ada', items };
  const { order } = await client.placeOrder(request);
  const again = await client.placeOrder(request);
  const same = again.order?.id === order?.id ? 'the same order when tried again' : 'two orders';
  console.log(`  PlaceOrder  ${textOf(order?.total)}, ${same}`);
  const page = await client.listOrders({ customer: 'ada' });
  console.log(`  ListOrders  ${page.orders.length} orders, that of checkout among them`);
  const states: string[] = [];
  for await (const { state } of client.watchOrder({ id: order?.id ?? '' }))
    states.push(nameOf(state));
  console.log(`  WatchOrder  ${states.join(', ')}`);
}

function textOf(money: Money | undefined): string {
  return `${(Number(money?.minorUnits) / 100).toFixed(2)} ${money?.currencyCode}`;
}

function nameOf(state: OrderState): string {
  return Object.entries(OrderState).find(([, value]) => value === state)?.[0] ?? String(state);
}

/** What anybody can ask who gets at the admin endpoint. */
async function report(): Promise<number> {
  const command = [INBOARD, 'deprecations', '--from', url];
  const child = spawn(process.execPath, command, { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
