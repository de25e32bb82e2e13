import { describe, expect, test } from 'vitest';

import { Status } from '../../src/index.ts';
import { rejection, startPair, TRANSPORTS } from '../support/harness.ts';

const NONE: readonly [what: string, request: unknown][] = [
  ['a number', 5],
  ['null', null],
  ['an array', [{}]],
  ['an object', { [Symbol.asyncIterator]: 'no function' }],
];

describe.each(TRANSPORTS)('what a server sees (%s)', (_name, make) => {
  test.each(NONE)('of a request stream that is %s: nothing', async (_what, request) => {
    let begun = 0;
    const clientStream = async (): Promise<object> => {
      begun++;
      return {};
    };
    await using p = await startPair({ clientStream }, { transport: make() });
    for (let i = 0; i < 5; i++) {
      expect(await rejection(p.client.clientStream(request as never))).toMatchObject({
        code: Status.INVALID_ARGUMENT,
        details: 'The request of a streaming method must be an async iterable',
        processed: 'no',
      });
    }
    expect(await rejection(p.client.bidi(request as never).next())).toMatchObject({
      code: Status.INVALID_ARGUMENT,
    });
    // On the same connection, after all of the above.
    await p.client.unary({});
    expect({ begun, inFlight: p.server.snapshot().inFlight }).toEqual({ begun: 0, inFlight: 0 });
  });

  test('of calls that are cancelled as soon as they are made: their end', async () => {
    await using p = await startPair({}, { transport: make() });
    await p.client.unary({});
    for (let microtasks = 0; microtasks < 8; microtasks++) {
      const caller = new AbortController();
      const never = new ReadableStream<object>();
      const called = rejection(p.client.clientStream(never, { signal: caller.signal }));
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      caller.abort();
      expect(await called).toMatchObject({ code: Status.CANCELLED });
    }
    await p.client.unary({});
    await expect.poll(() => p.server.snapshot().inFlight).toBe(0);
  });
});
