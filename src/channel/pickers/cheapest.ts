/** So few are all looked at: drawing two of them would save nothing. */
const FEW = 4;

/**
 * The better of two that are drawn at random: near the best of all for the cost of two looks, and
 * clients that share an opinion do not all run to the same one (Mitzenmacher, "The Power of Two
 * Choices"; A48). Of four or fewer the best, from a random one on (Envoy's FULL_SCAN).
 */
export function cheapest<E>(
  available: readonly E[],
  random: () => number,
  cost: (endpoint: E) => number,
): E | undefined {
  const { length } = available;
  if (length <= 1) return available[0];
  const first = Math.floor(random() * length);
  if (length <= FEW) return cheapestFrom(available, first, cost);
  // Two different ones: drawn twice, the same one would win whatever its cost.
  const second = Math.floor(random() * (length - 1));
  const a = available[first] as E;
  const b = available[second >= first ? second + 1 : second] as E;
  return cost(b) < cost(a) ? b : a;
}

function cheapestFrom<E>(list: readonly E[], first: number, cost: (endpoint: E) => number): E {
  let best = list[first] as E;
  let least = cost(best);
  for (let i = 1; i < list.length; i++) {
    const other = list[(first + i) % list.length] as E;
    const price = cost(other);
    if (price < least) {
      best = other;
      least = price;
    }
  }
  return best;
}
