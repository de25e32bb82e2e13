import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PolicyError } from '../../src/config/policy-error.ts';
import { parsePolicy } from '../../src/config/parse-policy.ts';
import type { Idempotency, Method, Shape } from '../../src/core/method.ts';

const codec = { encode: () => new Uint8Array(), decode: () => ({}) };

/** A method of `orders.v1.OrdersService`. */
export function methodCalled(
  name: string,
  { shape = 'unary', idempotency }: { shape?: Shape; idempotency?: Idempotency } = {},
): Method {
  const service = 'orders.v1.OrdersService';
  return {
    path: `/${service}/${name}`,
    service,
    name,
    key: name.charAt(0).toLowerCase() + name.slice(1),
    shape,
    requestStream: shape === 'client_stream' || shape === 'bidi_stream',
    responseStream: shape === 'server_stream' || shape === 'bidi_stream',
    idempotency,
    known: true,
    request: codec,
    response: codec,
  };
}

/** The text of a file in `fixtures/`. */
export function fixture(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, 'fixtures', name), 'utf8');
}

/** Why a text is refused, line by line. */
export function refusal(text: string): string[] {
  try {
    parsePolicy(text, { file: 'policy.yaml' });
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split('\n');
    throw error;
  }
  throw new Error('the policy was not refused');
}
