import { InventoryServiceDefinition } from '../../../generated/inventory/v1/inventory.ts';
import { OrdersServiceDefinition } from '../../../generated/orders/v1/orders.ts';
import { PaymentsServiceDefinition } from '../../../generated/payments/v1/payments.ts';
import type { ServiceDefinition } from '../../../src/index.ts';
import { shortName } from './meter.ts';
import type { Supervisor } from './supervisor.ts';

export const REPLICAS: readonly string[] = ['inventory-1', 'inventory-2', 'inventory-3'];

/** Those that have clients: retries, circuits and endpoints are seen from there. */
export const CALLERS: readonly string[] = ['gateway', 'orders'];

/** Callers before those they call. */
export const CLOSING_ORDER: readonly (readonly string[])[] = [
  ['gateway'],
  ['orders'],
  [...REPLICAS, 'payments'],
];

/** A method of the shop, for a row of the table. */
export interface ShopMethod {
  /** `orders.GetOrder` */
  readonly name: string;
  /** It may run twice, as its contract has it; the policy may say otherwise. */
  readonly idempotent: boolean;
  readonly streaming: boolean;
}

/** Without those that are deprecated: the shop calls none. */
export const METHODS: readonly ShopMethod[] = [
  OrdersServiceDefinition,
  InventoryServiceDefinition,
  PaymentsServiceDefinition,
].flatMap(methodsOf);

/**
 * Starts the shop from the back to the front. Every port is the system's choice, and every caller
 * is told where those are that it calls. `policy`: further arguments of all that are clients.
 */
export async function openShop(supervisor: Supervisor, policy: readonly string[]): Promise<void> {
  const start = (name: string, file: string, args: readonly string[] = []) =>
    supervisor.start({ name, file, args });
  const [payments, ...inventory] = await Promise.all([
    start('payments', 'payments.ts'),
    ...REPLICAS.map((name) => start(name, 'inventory.ts')),
  ]);
  const orders = await start('orders', 'orders.ts', [
    '--inventory',
    `static:///${inventory.join(',')}`,
    '--payments',
    `static:///${payments}`,
    ...policy,
  ]);
  await start('gateway', 'gateway.ts', ['--orders', `static:///${orders}`, ...policy]);
}

function methodsOf({ fullName, methods }: ServiceDefinition): ShopMethod[] {
  const current = Object.values(methods).filter(({ deprecated }) => deprecated?.method !== true);
  return current.map(({ name, requestStream, responseStream, options }) => {
    const streaming = requestStream || responseStream;
    return {
      name: shortName({ service: fullName, name }),
      idempotent: options.idempotencyLevel !== undefined,
      streaming,
    };
  });
}
