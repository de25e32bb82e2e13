import { formatAddress } from '../core/address.ts';
import { parseEndpoint } from '../index.ts';

/** Addresses: one, as `host:port` or `unix:PATH`, or all that the predicate is true for. */
export type Where = string | ((address: string) => boolean);

export type Matches = (address: string) => boolean;

/** Every address. */
export const EVERYWHERE: Where = () => true;

/** Throws a `ConfigError` for a text that is no address and so would never match. */
export function matcher(where: Where): Matches {
  if (typeof where === 'function') return where;
  const wanted = formatAddress(parseEndpoint(where, 'a fault').address);
  return (address) => address === wanted;
}

/** What was said of addresses: the last that fits one counts. One entry each `Where`. */
export class FaultRules<T> {
  private readonly rules = new Map<Where, { readonly matches: Matches; readonly value: T }>();

  set(where: Where, value: T): void {
    const rule = { matches: matcher(where), value };
    this.rules.delete(where);
    this.rules.set(where, rule);
  }

  clear(): void {
    this.rules.clear();
  }

  /** What counts for an address; undefined where nothing was said. */
  of(address: string): T | undefined {
    return [...this.rules.values()].findLast(({ matches }) => matches(address))?.value;
  }
}
