import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import type { BearerOptions, TokenSource } from '../../src/auth.ts';
import { bearer } from '../../src/auth.ts';
import { serverTls, tls } from '../../src/index.ts';
import { ManualClock } from '../../src/testing/index.ts';
import type { ShapesImplementation } from '../support/harness.ts';
import { deferred, testRuntime } from '../support/harness.ts';
import { authority, echo, failure, localhost, startSecure } from './secure-server.ts';

const { ca } = authority;
const HOUR_MS = 3_600_000;

/** A server that tells which authorization came, and a client whose tokens `source` gives. */
async function start(source: TokenSource, options: BearerOptions = {}) {
  const clock = new ManualClock();
  const nowMs = (): number => 1_700_000_000_000 + clock.now();
  const server = await startSecure({
    credentials: serverTls(localhost),
    implementation: {
      async unary(_request, { metadata }) {
        return { sample: { text: metadata.get('authorization') ?? 'none' } };
      },
    },
  });
  const callCredentials = bearer(source, { clock, nowMs, random: () => 0.5, ...options });
  const client = server.connect({ credentials: tls({ ca }), callCredentials });
  return {
    client,
    clock,
    nowMs,
    sent: () => echo(client, ''),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A source that counts, and gives `token-1`, `token-2` and so on, each for an hour. */
function hourly() {
  const counted = { asked: 0, now: (): number => 0 };
  const source: TokenSource = async () => {
    counted.asked++;
    return { token: `token-${counted.asked}`, expiresAtMs: counted.now() + HOUR_MS };
  };
  return { counted, source };
}

describe('bearer', () => {
  it('asks once for all calls that wait, and keeps the token', async () => {
    const answer = deferred<string>();
    let asked = 0;
    await using test = await start(() => {
      asked++;
      return answer.promise;
    });
    const calls = [test.sent(), test.sent(), test.sent()];
    answer.resolve('shared');

    expect(await Promise.all(calls)).toEqual(['Bearer shared', 'Bearer shared', 'Bearer shared']);
    expect(await test.sent()).toBe('Bearer shared');
    expect(asked).toBe(1);
  });

  it('renews a token ahead of its expiry while calls go on with the old one', async () => {
    const renewal = deferred<string>();
    let asked = 0;
    await using test = await start(() => {
      asked++;
      if (asked > 1) return renewal.promise;
      return { token: 'first', expiresAtMs: test.nowMs() + HOUR_MS };
    });
    await test.sent();
    test.clock.advance(HOUR_MS - 60_001);
    expect(await test.sent()).toBe('Bearer first');
    expect(asked).toBe(1);

    test.clock.advance(1);
    expect(await Promise.all([test.sent(), test.sent()])).toEqual(['Bearer first', 'Bearer first']);
    expect(asked).toBe(2);
    renewal.resolve('second');
    await test.sent();
    expect(await test.sent()).toBe('Bearer second');
    expect(asked).toBe(2);
  });

  it('does not renew a short-lived token with every call', async () => {
    let asked = 0;
    await using test = await start(() => {
      asked++;
      return { token: 'short', expiresAtMs: test.nowMs() + 30_000 };
    });
    await test.sent();
    test.clock.advance(14_999);
    await test.sent();
    expect(asked).toBe(1);
  });

  it('waits for a new token once the old one has expired', async () => {
    const { counted, source } = hourly();
    await using test = await start(source);
    counted.now = test.nowMs;
    expect(await test.sent()).toBe('Bearer token-1');
    test.clock.advance(HOUR_MS);
    expect(await test.sent()).toBe('Bearer token-2');
    expect(counted.asked).toBe(2);
  });

  it('renews a bare string now and then, and keeps it while that fails', async () => {
    let fails = false;
    let asked = 0;
    await using test = await start(() => {
      asked++;
      if (fails) throw new Error('the vault is sealed');
      return `string-${asked}`;
    });
    expect(await test.sent()).toBe('Bearer string-1');
    fails = true;
    test.clock.advance(300_000);
    expect(await test.sent()).toBe('Bearer string-1');
    expect(asked).toBe(2);
    // No faster than its pauses, however many calls come.
    expect(await test.sent()).toBe('Bearer string-1');
    expect(asked).toBe(2);
    fails = false;
    test.clock.advance(1_000);
    await test.sent();
    expect(await test.sent()).toBe('Bearer string-3');
  });

  it('fails calls clearly while the source fails, until it recovers', async () => {
    let fails = true;
    await using test = await start(async () => {
      if (fails) throw new Error('the vault is sealed');
      return 'recovered';
    });
    const error = await failure(test.sent());
    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(/call credentials failed: the token source failed: the vault/);

    fails = false;
    expect((await failure(test.sent())).details).toMatch(/the vault is sealed/);
    test.clock.advance(1_000);
    expect(await test.sent()).toBe('Bearer recovered');
  });

  it('gives up a source that does not answer, and asks it again later', async () => {
    const asked = deferred<AbortSignal>();
    let answers = false;
    await using test = await start((signal) => {
      asked.resolve(signal);
      return answers ? 'late' : new Promise<never>(() => undefined);
    });
    const call = failure(test.client.unary({}, { timeoutMs: Number.POSITIVE_INFINITY }));
    const signal = await asked.promise;
    test.clock.advance(10_000);

    expect((await call).details).toMatch(/it gave no token within 10000 ms/);
    expect(signal.aborted).toBe(true);
    answers = true;
    test.clock.advance(1_000);
    expect(await test.sent()).toBe('Bearer late');
  });

  it('keeps no call longer than its own deadline or caller wants', async () => {
    const asked = deferred();
    const answer = deferred<string>();
    await using test = await start(() => {
      asked.resolve();
      return answer.promise;
    });
    const patient = test.sent();
    await asked.promise;
    const abort = new AbortController();
    const cancelled = failure(test.client.unary({}, { signal: abort.signal }));
    const late = failure(test.client.unary({}, { timeoutMs: 1 }));

    expect(await late).toMatchObject({ code: Status.DEADLINE_EXCEEDED, processed: 'no' });
    abort.abort();
    expect(await cancelled).toMatchObject({ code: Status.CANCELLED, processed: 'no' });
    answer.resolve('patient');
    expect(await patient).toBe('Bearer patient');
  });

  it('runs the source outside of the call that happens to ask', async () => {
    const runtime = testRuntime();
    const seen: unknown[] = [];
    const callCredentials = bearer(() => {
      seen.push(runtime.ambient.current());
      return 'shared';
    });
    const credentials = serverTls(localhost);
    await using back = await startSecure({ credentials, runtime });
    const outgoing = back.connect({ credentials: tls({ ca }), callCredentials });
    const implementation: Partial<ShapesImplementation> = {
      async unary({ sample }) {
        seen.push(runtime.ambient.current()?.call.method.name);
        return { sample: { text: (await echo(outgoing, sample?.text ?? '')) ?? '' } };
      },
    };
    await using front = await startSecure({ credentials, runtime, implementation });

    const incoming = front.connect({ credentials: tls({ ca }) });
    expect(await echo(incoming, 'through')).toBe('through');
    expect(seen).toEqual(['Unary', undefined]);
  });

  it.each([
    ['with a line break', 'secret-token\n', /is empty or holds what no token may/],
    ['empty', '', /is empty or holds/],
    ['expired', { token: 'secret-token', expiresAtMs: 1_700_000_000 }, /has expired already/],
    ['no token at all', { token: undefined as unknown as string }, /is empty or holds/],
  ])('refuses a token that is %s, without repeating it', async (_what, given, reason) => {
    await using test = await start(async () => given);
    const error = await failure(test.sent());

    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(reason);
    expect(String(error)).not.toContain('secret-token');
  });
});
