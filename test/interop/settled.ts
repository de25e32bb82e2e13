/** How often a value must be seen unchanged to count as settled, and how long apart, in ms. */
const TIMES = 20;
const APART_MS = 5;

/** Resolves to a value when it has stopped growing. */
export async function settled(value: () => number): Promise<number> {
  let last = -1;
  for (let same = 0; same < TIMES; ) {
    const now = value();
    same = now === last ? same + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, APART_MS));
  }
  return last;
}
