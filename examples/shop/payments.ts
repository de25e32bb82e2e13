// Moves money. A charge is not idempotent, so nobody may ever send it twice: each one is written
// down under its order, and whoever runs the shop counts those that come again.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { PaymentsServiceDefinition } from '../../generated/payments/v1/payments.ts';
import { createServer, ServerError, Status } from '../../src/index.ts';
import { REFLECTION, ShopProcess } from './runner/shop-process.ts';

const shop = new ShopProcess('payments');
const charged = new Map<string, bigint>();
const server = createServer({
  runtime: shop.runtime,
  interceptors: { beforeHandler: [shop.meter.server, shop.troublemaker.server] },
  signals: ['SIGTERM', 'SIGINT'],
  drain: { propagationMs: 1_000, graceMs: 3_000 },
  reflection: REFLECTION,
});

server.add(PaymentsServiceDefinition, {
  async chargeCustomer({ customer, orderId, amountCents }, { signal }) {
    if (amountCents <= 0n) {
      throw new ServerError(Status.INVALID_ARGUMENT, `${amountCents} cents cannot be charged`);
    }
    // The bank takes its time. A caller who gives up before it has answered is not charged.
    await delay(5 + Math.random() * 10, undefined, { signal });
    shop.executed('ChargeCustomer', orderId);
    charged.set(customer, (charged.get(customer) ?? 0n) + amountCents);
    return { chargeId: randomUUID() };
  },
});

await shop.serve(server);
