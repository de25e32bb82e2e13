import { formatAddress } from '../../src/core/address.ts';
import type { ResolverListener } from '../../src/index.ts';

/** What a resolver has told, as text. */
export function recorder(): { told: string[]; listener: ResolverListener } {
  const told: string[] = [];
  return {
    told,
    listener: {
      endpoints: (list) => {
        const endpoints = list.map(
          ({ address, authority }) => `${formatAddress(address)} as ${authority}`,
        );
        told.push(endpoints.join(', '));
      },
      error: ({ details }) => told.push(`error: ${details}`),
      empty: ({ details }) => told.push(`gone: ${details}`),
    },
  };
}

/** Lets the promises that are due run. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
