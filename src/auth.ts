/**
 * `inboard/auth`: who calls, proven by a token or a certificate, and how a client proves it. An
 * entry of its own, so that who needs no tokens loads no token library.
 */
export type { BearerOptions, BearerToken, TokenSource } from './auth/bearer.ts';
export { bearer } from './auth/bearer.ts';
export type { JwtKey, JwtOptions } from './auth/jwt.ts';
export { jwt } from './auth/jwt.ts';
export type { MtlsOptions } from './auth/mtls.ts';
export { mtls } from './auth/mtls.ts';
export type { TlsFiles } from './auth/tls-files.ts';
export { tlsFiles } from './auth/tls-files.ts';
