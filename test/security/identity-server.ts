import type { Authenticator, Identity, ServerOptions } from '../../src/index.ts';
import type { Pair } from '../support/harness.ts';
import { startPair } from '../support/harness.ts';

/** A pair whose server keeps who called, one entry for each call that its handler saw. */
export interface IdentityPair extends Pair {
  readonly identities: (Identity | undefined)[];
  /** A unary call with this `authorization`, or without any. */
  call(authorization?: string): Promise<unknown>;
}

export async function startIdentity(
  authenticate: Authenticator | readonly Authenticator[],
  server: ServerOptions = {},
): Promise<IdentityPair> {
  const identities: (Identity | undefined)[] = [];
  const pair = await startPair(
    {
      async unary(_request, { identity }) {
        identities.push(identity);
        return {};
      },
    },
    { server: { authenticate, ...server } },
  );
  return {
    ...pair,
    identities,
    call: (authorization) =>
      pair.client.unary({}, authorization === undefined ? {} : { metadata: { authorization } }),
  };
}
