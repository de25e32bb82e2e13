import type { CallKey } from './call-key.ts';
import { callKey } from './call-key.ts';

/** Who calls, as an authenticator established it. */
export interface Identity {
  /** How it was established: `'jwt'`, `'mtls'` or a name of your own. */
  readonly scheme: string;
  /** The subject of the token, or a name from the certificate. */
  readonly subject: string;
  /** What else the credential says: a token's claims. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** The identity of the call, set by the authentication layer. */
export const IDENTITY: CallKey<Identity | undefined> = callKey<Identity | undefined>(
  'identity',
  undefined,
);
