import type { Method } from '../core/method.ts';

const PLUMBING = /^grpc\.(?:health|reflection)\./;

/** Health checks and reflection: most calls of some servers, and of interest to few. */
export function isPlumbing({ service }: Method): boolean {
  return PLUMBING.test(service);
}
