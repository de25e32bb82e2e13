/**
 * What to do about a finding of `buf lint` or `buf breaking`, by the beginning of its rule's name;
 * the longest that fits counts.
 */
const ADVICE: Readonly<Record<string, string>> = {
  COMPILE: 'mend it, or nothing else can be checked',
  RPC_NO_DELETE: 'keep it with `option deprecated = true`, beside the one that replaces it',
  SERVICE_NO_DELETE: 'keep it with `option deprecated = true` until nobody calls it',
  PACKAGE_SERVICE_NO_DELETE: 'keep it with `option deprecated = true` until nobody calls it',
  MESSAGE_NO_DELETE: 'keep it with `option deprecated = true`',
  ENUM_NO_DELETE: 'keep it with `option deprecated = true`',
  FIELD_NO_DELETE: 'keep it, its number too, with `[deprecated = true]`; a new field has a new one',
  ENUM_VALUE_NO_DELETE: 'keep it with `[deprecated = true]`',
  FILE_NO_DELETE: 'put it back; what is in it can be marked `deprecated`',
  PACKAGE_NO_DELETE: 'put it back beside its successor until nobody calls it',
  FIELD_SAME_: 'put it back, and add a field of another number for what is new',
  FIELD_WIRE_: 'put it back, and add a field of another number for what is new',
  ENUM_VALUE_SAME_: 'put it back, and add a value of another number for what is new',
  RPC_SAME_: 'put it back, and add a method for what is new',
  RESERVED_: 'put it back: what was removed once must not come back as something else',
  FILE_SAME_PACKAGE: 'put it back, and add a file for the new package',
};

const BREAKING = 'put it back, or do it in a package of a new version beside this one';

/** For a change that breaks callers. */
export function breakingAdvice(rule: string): string {
  return adviceFor(rule) ?? BREAKING;
}

/** For a contract as it stands; undefined where its message says it all. */
export function lintAdvice(rule: string): string | undefined {
  return rule === 'COMPILE' ? adviceFor(rule) : undefined;
}

function adviceFor(rule: string): string | undefined {
  const fitting = Object.keys(ADVICE).filter((start) => rule.startsWith(start));
  const longest = fitting.toSorted((one, other) => other.length - one.length)[0];
  return longest === undefined ? undefined : ADVICE[longest];
}
