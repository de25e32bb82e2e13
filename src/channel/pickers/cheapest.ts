/** So few are all looked at: drawing two of them would save nothing. */
const FEW = 4;

/**
 * The better of two that are drawn at random: near the best of all for the cost of two looks, and
 * clients that share an opinion do not all run to the same one (Mitzenmacher, "The Power of Two
 * Choices"; A48). Of four or fewer the best, from a random one on (Envoy's FULL_SCAN). Where both
 * cost the same, the one picked longer ago: chance alone would leave them uneven for some time.
 */
export function cheapest<E extends { readonly lastPick: number }>(
  available: readonly E[],
  random: () => number,
  cost: (endpoint: E) => number,
): E | undefined {
  const { length } = available;
  if (length <= 1) return available[0];
  const first = Math.floor(random() * length);
  let best = available[first] as E;
  let least = cost(best);
  // Two different ones: drawn twice, the same one would win whatever its cost.
  const few = length <= FEW;
  const step = few ? 1 : 1 + Math.floor(random() * (length - 1));
  for (let i = few ? length - 1 : 1; i > 0; i--) {
    const other = available[(first + i * step) % length] as E;
    const price = cost(other);
    if (price < least || (price === least && other.lastPick < best.lastPick)) {
      best = other;
      least = price;
    }
  }
  return best;
}
