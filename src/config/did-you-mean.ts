/** Names longer than this are not compared: nobody mistyped them. */
const LONGEST = 60;

/** The candidate that was most likely meant, if one is close; case counts for nothing. */
export function didYouMean(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > LONGEST) return undefined;
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(name, candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.max(1, Math.floor(candidate.length / 3)))
    .toSorted((a, b) => a.edits - b.edits);
  return near[0]?.candidate;
}

/** Levenshtein's: insertions, removals and replacements that lead from one word to the other. */
function distance(one: string, other: string): number {
  const [from, to] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 0; i < from.length; i++) {
    let corner = i;
    let left = i + 1;
    row = row.map((above, j) => {
      if (j === 0) return left;
      left = Math.min(left + 1, above + 1, corner + (from[i] === to[j - 1] ? 0 : 1));
      corner = above;
      return left;
    });
  }
  return row.at(-1) ?? 0;
}
