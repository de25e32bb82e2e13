// What a message of one version is in the other: pure functions, one a message. The compiler finds
// what a new field or state leaves open.
import * as v1 from '../../generated/orders/v1/orders.ts';
import * as v2 from '../../generated/orders/v2/orders.ts';

/** orders.v1 has amounts without a currency: they were always euros. */
const CURRENCY = 'EUR';

/** Every state of v2, or this does not compile. */
const STATES: Readonly<Record<v2.OrderState, v1.OrderState>> = {
  [v2.OrderState.UNSPECIFIED]: v1.OrderState.UNSPECIFIED,
  [v2.OrderState.PLACED]: v1.OrderState.PLACED,
  [v2.OrderState.PAID]: v1.OrderState.PAID,
  [v2.OrderState.SHIPPED]: v1.OrderState.SHIPPED,
  [v2.OrderState.DELIVERED]: v1.OrderState.DELIVERED,
  [v2.OrderState.UNRECOGNIZED]: v1.OrderState.UNRECOGNIZED,
};

export function stateToV1(state: v2.OrderState): v1.OrderState {
  return STATES[state];
}

export function itemToV2({ sku, quantity }: v1.OrderItem): v2.OrderItem {
  return { sku, quantity };
}

export function itemToV1({ sku, quantity }: v2.OrderItem): v1.OrderItem {
  return { sku, quantity };
}

/** Throws for another currency: an amount must not pass for one of euros. */
export function centsOf(money: v2.Money | undefined): bigint {
  if (money === undefined) return 0n;
  const { currencyCode, minorUnits } = money;
  if (currencyCode === CURRENCY) return minorUnits;
  throw new RangeError(`orders.v1 cannot tell an amount in '${currencyCode}'`);
}

/** What each line costs, v1 does not tell. */
export function orderToV1(order: v2.Order): v1.Order {
  const { id, customer, lines, state, total, placedAt } = order;
  return {
    id,
    customer,
    items: lines.flatMap(({ item }) => (item === undefined ? [] : [itemToV1(item)])),
    state: stateToV1(state),
    totalCents: centsOf(total),
    placedAt,
  };
}

/** v1 has no request ids: each call is an order of its own, as it always was. */
export function placeOrderToV2(
  { customer, items }: v1.PlaceOrderRequest | v1.ImportOrdersRequest,
  requestId: string,
): v2.PlaceOrderRequest {
  return { requestId, customer, items: items.map(itemToV2) };
}

export function updateToV1({ state, at }: v2.WatchOrderResponse): v1.WatchOrderResponse {
  return { state: stateToV1(state), at };
}

export function quoteToV1({ answer }: v2.Quote): v1.QuoteItemsResponse {
  if (answer?.$case !== 'price') return { quote: answer };
  return { quote: { $case: 'priceCents', value: centsOf(answer.value) } };
}
