/** What the shop sells. Money is in minor units (cents), so that it is exact. */
export const CATALOG = [
  { sku: 'teapot', priceCents: 2_490n },
  { sku: 'cup', priceCents: 790n },
  { sku: 'saucer', priceCents: 490n },
  { sku: 'kettle', priceCents: 5_900n },
  { sku: 'strainer', priceCents: 650n },
  { sku: 'green-tea', priceCents: 1_150n },
] as const;
