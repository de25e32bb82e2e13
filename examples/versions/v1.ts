// orders.v1 as its callers know it, over the implementation of orders.v2. It decides nothing: each
// method says which call of v2 it is.
import { randomUUID } from 'node:crypto';

import type { OrdersServiceDefinition } from '../../generated/orders/v1/orders.ts';
import type { Order } from '../../generated/orders/v2/orders.ts';
import type { ServiceImplementation } from '../../src/index.ts';
import { ServerError, Status } from '../../src/index.ts';
import type { Orders } from './orders.ts';
import {
  centsOf,
  itemToV2,
  orderToV1,
  placeOrderToV2,
  quoteToV1,
  updateToV1,
} from './v1-messages.ts';

export function ordersV1(orders: Orders): ServiceImplementation<typeof OrdersServiceDefinition> {
  return {
    // Its field `customer` is deprecated, and was never read.
    async getOrder({ id }) {
      const { order, stockLeft } = await orders.getOrder({ id });
      return { order: orderToV1(order), stockLeft };
    },

    async placeOrder(request) {
      const { order } = await orders.placeOrder(placeOrderToV2(request, randomUUID()));
      return { order: orderToV1(order) };
    },

    async *watchOrder({ id }, context) {
      for await (const update of orders.watchOrder({ id }, context)) yield updateToV1(update);
    },

    // In v2, a call an order: each may be tried again by its request id.
    async importOrders(requests) {
      let imported = 0;
      let totalCents = 0n;
      for await (const request of requests) {
        const { order } = await orders.placeOrder(placeOrderToV2(request, randomUUID()));
        imported += 1;
        totalCents += centsOf(order.total);
      }
      return { imported, totalCents };
    },

    // In v2, all items of an order in one call.
    async *quoteItems(requests) {
      for await (const { item } of requests) {
        if (item === undefined) throw new ServerError(Status.INVALID_ARGUMENT, 'item is missing');
        const { quotes } = await orders.quoteOrder({ items: [itemToV2(item)] });
        for (const quote of quotes) yield quoteToV1(quote);
      }
    },

    // oxlint-disable-next-line typescript/no-deprecated -- served until nobody calls it
    async listOrders({ customer }) {
      const all: Order[] = [];
      let pageToken = '';
      do {
        const page = await orders.listOrders({ customer, pageSize: 0, pageToken });
        all.push(...page.orders);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      return { orders: all.map(orderToV1) };
    },
  };
}
