import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Authenticator, Identity } from '../../src/index.ts';
import { createClient } from '../../src/index.ts';
import { frame } from '../../src/transports/framing.ts';
import { collect, deferred, startPair, testRuntime } from '../support/harness.ts';
import { callHeaders, rawClient, statusOf } from '../support/raw-http2.ts';
import { samples } from '../support/shapes-service.ts';
import { startIdentity } from './identity-server.ts';
import { failure } from './secure-server.ts';

const ALICE: Identity = { scheme: 'test', subject: 'alice', claims: {} };
const nobody: Authenticator = async () => undefined;
const alice: Authenticator = async ({ headers }) =>
  headers.get('authorization') === 'alice' ? ALICE : undefined;

describe('authentication', () => {
  it('asks authenticators in turn until one knows the caller', async () => {
    const asked: string[] = [];
    const named = (name: string, answer: Identity | undefined): Authenticator => {
      return async () => {
        asked.push(name);
        return answer;
      };
    };
    const chain = [named('first', undefined), named('second', ALICE), named('third', undefined)];
    await using test = await startIdentity(chain);
    await test.call();

    expect(asked).toEqual(['first', 'second']);
    expect(test.identities).toEqual([ALICE]);
  });

  it.each([
    ['undefined', nobody],
    ['null', (async () => null) as unknown as Authenticator],
  ])('refuses a call that no authenticator knows: %s', async (_what, authenticator) => {
    await using test = await startIdentity([authenticator, authenticator]);
    const error = await failure(test.call());

    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toBe('The call carries no credentials that this server accepts');
    expect(test.identities).toEqual([]);
  });

  it('refuses calls of all shapes', async () => {
    await using pair = await startPair({}, { server: { authenticate: nobody } });
    const { client } = pair;
    const calls = [
      client.unary({}),
      client.clientStream(samples('a')),
      collect(client.serverStream({ count: 1 })),
      collect(client.bidi(samples('a'))),
    ];
    const errors = await Promise.all(calls.map(failure));
    expect(errors.map(({ code }) => code)).toEqual(Array(4).fill(Status.UNAUTHENTICATED));
  });

  it('runs in the context of the call: what it calls inherits the deadline', async () => {
    const remaining: number[] = [];
    const runtime = testRuntime();
    await using directory = await startPair(
      {
        async unary(_request, context) {
          remaining.push(context.remainingMs());
          return {};
        },
      },
      { runtime },
    );
    const authenticate: Authenticator = async (call) => {
      remaining.push(call.deadline - runtime.clock.now());
      await directory.client.unary({});
      return ALICE;
    };
    await using pair = await startPair({}, { runtime, server: { authenticate } });
    await pair.client.unary({}, { timeoutMs: 5_000 });

    expect(remaining).toHaveLength(2);
    const [ofCall = 0, ofInner = 0] = remaining;
    expect(ofCall).toBeGreaterThan(0);
    expect(ofCall).toBeLessThanOrEqual(5_000);
    expect(ofInner).toBeLessThanOrEqual(ofCall);
  });

  it('starts no handler for a call that ended while it was asked', async () => {
    const asked = deferred();
    const answer = deferred<Identity>();
    const answered = deferred();
    let handled = 0;
    const authenticate: Authenticator = async (call) => {
      call.onEnd(() => answered.resolve());
      asked.resolve();
      return answer.promise;
    };
    const handler = async () => {
      handled++;
      return {};
    };
    await using pair = await startPair({ clientStream: handler }, { server: { authenticate } });
    const abort = new AbortController();
    const call = failure(pair.client.clientStream(samples('a'), { signal: abort.signal }));
    await asked.promise;
    abort.abort();
    expect((await call).code).toBe(Status.CANCELLED);
    await answered.promise;
    answer.resolve(ALICE);
    await pair.client[Symbol.asyncDispose]();
    await pair.server.shutdown({ propagationMs: 0 });
    expect(handled).toBe(0);
  });

  it('asks nobody for the health service', async () => {
    await using pair = await startPair({}, { server: { authenticate: nobody } });
    await using health = createClient(HealthDefinition, pair.target, { runtime: testRuntime() });
    expect((await health.check({})).status).toBe(ServingStatus.SERVING);
  });
});

describe('an authenticator that fails', () => {
  const thrown: [what: string, value: unknown][] = [
    ['an error', new Error('password of the database: hunter2')],
    ['a string', 'hunter2'],
    ['an object', { password: 'hunter2' }],
    ['undefined', undefined],
  ];

  it.each(thrown)('with %s: UNKNOWN with an id, and the log knows more', async (_what, value) => {
    await using test = await startIdentity(() => {
      throw value;
    });
    const error = await failure(test.call('secret token'));

    expect(error.code).toBe(Status.UNKNOWN);
    const id = /^Internal error ([0-9a-f-]{36})$/.exec(error.details)?.[1];
    expect(test.log).toEqual([
      {
        level: 'error',
        message: 'a handler failed',
        fields: { err: value, errorId: id, method: `/${ShapesServiceDefinition.fullName}/Unary` },
      },
    ]);
    expect(test.identities).toEqual([]);
  });
});

describe('a call that is refused', () => {
  const path = `/${ShapesServiceDefinition.fullName}/Unary`;
  // Field 1 with a length that goes beyond the message.
  const undecodable = frame(Buffer.of(0x0a, 0x7f, 0x01));

  it('is not decoded', async () => {
    await using test = await startIdentity(alice);
    await using raw = rawClient(test.port);
    const refused = await raw.send(callHeaders(path), undecodable);
    expect(statusOf(refused)).toMatchObject({ code: Status.UNAUTHENTICATED });

    const known = await raw.send(callHeaders(path, { authorization: 'alice' }), undecodable);
    expect(statusOf(known)).toMatchObject({ code: Status.INTERNAL });
    expect(test.identities).toEqual([]);
  });

  it('is not decoded where its caller may not make it either', async () => {
    const authorize = { [ShapesServiceDefinition.fullName]: () => false };
    await using test = await startIdentity(alice, { authorize });
    await using raw = rawClient(test.port);
    const refused = await raw.send(callHeaders(path, { authorization: 'alice' }), undecodable);
    expect(statusOf(refused)).toMatchObject({ code: Status.PERMISSION_DENIED });
  });

  it('is answered before its message has come', async () => {
    await using test = await startIdentity(alice);
    await using raw = rawClient(test.port);
    const stream = raw.session.request(callHeaders(path));
    const answer = deferred<unknown>();
    stream.on('response', (headers) => answer.resolve(headers['grpc-status']));
    stream.on('error', () => undefined);
    expect(await answer.promise).toBe(String(Status.UNAUTHENTICATED));
    stream.destroy();
  });
});
