import { errors } from 'jose';

/** What is wrong with a token by jose's error code, to follow "The token". */
const REFUSALS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: 'has expired',
  ERR_JWT_INVALID: 'is malformed',
  ERR_JWS_INVALID: 'is malformed',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'has a signature that does not verify',
  ERR_JOSE_ALG_NOT_ALLOWED: 'is signed with an algorithm that is not accepted here',
  ERR_JOSE_NOT_SUPPORTED: 'asks for something that is not supported here',
  ERR_JWKS_NO_MATCHING_KEY: 'is signed with a key that is not known here',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "does not say which key it is signed with: it has no 'kid'",
};

/** The same for single claims. */
const CLAIM_REFUSALS: Readonly<Record<string, string>> = {
  aud: 'is meant for another audience',
  iss: 'comes from an issuer that is not accepted here',
  nbf: 'is not valid yet',
};

/**
 * What is wrong with a token, in words of our own: none of them repeats what the token says.
 * Undefined where the token is not to blame.
 */
export function refusalText(error: unknown): string | undefined {
  if (!(error instanceof errors.JOSEError)) return undefined;
  if (!(error instanceof errors.JWTClaimValidationFailed)) return REFUSALS[error.code];
  const { claim, reason } = error;
  if (reason === 'missing') return `has no '${claim}'`;
  if (reason === 'invalid') return `has an '${claim}' of the wrong type`;
  return CLAIM_REFUSALS[claim] ?? `has a '${claim}' that is not accepted here`;
}
