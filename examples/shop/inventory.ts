// Knows what lies in the warehouse. Three of these run, each with shelves of its own in memory.
import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { InventoryServiceDefinition } from '../../generated/inventory/v1/inventory.ts';
import { createServer, ServerError, type ServiceImplementation, Status } from '../../src/index.ts';
import { CATALOG } from './catalog.ts';
import { REFLECTION, ShopProcess } from './runner/shop-process.ts';

interface Shelf {
  units: number;
  readonly priceCents: bigint;
}

/** How long a reservation lasts. Its units go back then, as nothing ever leaves this house. */
const HOLD_MS = 5_000;

const shop = new ShopProcess('inventory');
const shelves = new Map<string, Shelf>(
  CATALOG.map(({ sku, priceCents }) => [sku, { units: 1_000, priceCents }]),
);
const held = new Map<string, { readonly sku: string; readonly quantity: number }>();
const changes = new EventEmitter().setMaxListeners(0);
let version = 0;

const server = createServer({
  runtime: shop.runtime,
  interceptors: { beforeHandler: [shop.meter.server, shop.troublemaker.server] },
  // SIGTERM drains: health says NOT_SERVING, and for a second everything is served on, so that
  // clients learn to go elsewhere before the first call is turned away. Then the process ends.
  signals: ['SIGTERM', 'SIGINT'],
  drain: { propagationMs: 1_000, graceMs: 3_000 },
  reflection: REFLECTION,
});

const service: ServiceImplementation<InventoryServiceDefinition> = {
  async getStock({ sku }, { signal }) {
    await walk(signal);
    const { units, priceCents } = shelfOf(sku);
    return { sku, units: BigInt(units), priceCents, replica: shop.name };
  },

  async reserveStock({ reservationId, sku, quantity }, { signal }) {
    await walk(signal);
    const shelf = shelfOf(sku);
    // A second try finds the first one's units set aside already, and takes no more. But only
    // here: another replica knows nothing of it, which is why policy.yaml forbids a second try.
    if (!held.has(reservationId)) {
      if (quantity > shelf.units) {
        throw new ServerError(Status.FAILED_PRECONDITION, `Only ${shelf.units} of ${sku} are left`);
      }
      held.set(reservationId, { sku, quantity });
      shop.executed('ReserveStock', reservationId);
      move(sku, -quantity);
      setTimeout(release, HOLD_MS, reservationId).unref();
    }
    return { unitsLeft: BigInt(shelf.units), replica: shop.name };
  },

  // Tells what there is, then what changes. A slow reader skips what was overtaken meanwhile.
  async *watchStock({ skus }, { signal, draining }) {
    // It would go on for long, so that it ends when the server drains: with UNAVAILABLE, which says
    // that it may be watched elsewhere.
    const over = AbortSignal.any([signal, draining]);
    const told = new Map<string, number>();
    for (;;) {
      const seen = version;
      for (const sku of skus) {
        const { units } = shelfOf(sku);
        if (told.get(sku) === units) continue;
        told.set(sku, units);
        yield { sku, units: BigInt(units) };
      }
      if (seen === version) await once(changes, 'change', { signal: over });
    }
  },
};

server.add(InventoryServiceDefinition, service, {
  // Looked at before the handler is; a refused call tells its caller which field is wrong.
  validate: {
    reserveStock: ({ quantity }) =>
      quantity > 0 ? [] : [{ field: 'quantity', description: 'must be positive' }],
  },
});

/** The shelf is some steps away. Nobody goes there for a caller who has left. */
function walk(signal: AbortSignal): Promise<void> {
  return delay(5 + Math.random() * 15, undefined, { signal });
}

function shelfOf(sku: string): Shelf {
  const shelf = shelves.get(sku);
  if (shelf === undefined) throw new ServerError(Status.NOT_FOUND, `There is no SKU '${sku}'`);
  return shelf;
}

function release(reservationId: string): void {
  const reservation = held.get(reservationId);
  if (reservation === undefined) return;
  held.delete(reservationId);
  move(reservation.sku, reservation.quantity);
}

function move(sku: string, units: number): void {
  shelfOf(sku).units += units;
  version += 1;
  changes.emit('change');
}

await shop.serve(server);
