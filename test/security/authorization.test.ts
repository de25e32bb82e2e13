import { ServerError, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { AccessRule, AccessRules, Authenticator, Identity } from '../../src/index.ts';
import { ConfigError, createClient } from '../../src/index.ts';
import { deferred, rejection, startPair, testRuntime } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';
import { startIdentity } from './identity-server.ts';
import { failure } from './secure-server.ts';

const SERVICE = ShapesServiceDefinition.fullName;
const UNARY = `${SERVICE}/Unary`;

/** Takes the `authorization` for a name. */
const byName: Authenticator = async ({ headers }) => {
  const subject = headers.get('authorization');
  return subject === undefined ? undefined : { scheme: 'test', subject, claims: {} };
};

describe('authorisation', () => {
  it('admits every known caller where there are no rules', async () => {
    await using test = await startIdentity(byName);
    await test.call('alice');
    expect(test.identities).toHaveLength(1);
  });

  it('refuses what no rule names, once there are rules', async () => {
    await using test = await startIdentity(byName, {
      authorize: { [`${SERVICE}/UnarySafe`]: 'authenticated' },
    });
    const metadata = { authorization: 'alice' };
    await test.client.unarySafe({}, { metadata });
    const error = await failure(test.call('alice'));

    expect(error.code).toBe(Status.PERMISSION_DENIED);
    expect(error.details).toBe(`The caller may not call ${UNARY}`);
    expect(test.identities).toEqual([]);
  });

  it('refuses everything with an empty set of rules', async () => {
    await using test = await startIdentity(byName, { authorize: {} });
    expect((await failure(test.call('alice'))).code).toBe(Status.PERMISSION_DENIED);
  });

  it("admits 'anyone' without credentials, and knows who brings some", async () => {
    await using test = await startIdentity(byName, { authorize: { [UNARY]: 'anyone' } });
    await test.call();
    await test.call('alice');
    expect(test.identities.map((identity) => identity?.subject)).toEqual([undefined, 'alice']);
  });

  it("refuses bad credentials also where 'anyone' may call", async () => {
    const bad: Authenticator = async () => {
      throw new ServerError(Status.UNAUTHENTICATED, 'bad credentials');
    };
    await using test = await startIdentity(bad, { authorize: { [UNARY]: 'anyone' } });
    expect(await failure(test.call('x'))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      details: 'bad credentials',
    });
  });

  it('takes the rule of a method before that of its service', async () => {
    await using test = await startIdentity(byName, {
      authorize: { [SERVICE]: () => false, [UNARY]: 'authenticated' },
    });
    const metadata = { authorization: 'alice' };
    await test.call('alice');
    expect((await failure(test.client.unarySafe({}, { metadata }))).code).toBe(
      Status.PERMISSION_DENIED,
    );
    const stream = test.client.clientStream(samples('a'), { metadata });
    expect((await failure(stream)).code).toBe(Status.PERMISSION_DENIED);
  });

  const rules: [
    what: string,
    rule: (identity: Identity | undefined) => boolean | Promise<boolean>,
  ][] = [
    ['a function', (identity) => identity?.subject === 'admin'],
    ['an async function', async (identity) => identity?.subject === 'admin'],
  ];
  it.each(rules)('decides by %s', async (_what, rule) => {
    await using test = await startIdentity(byName, { authorize: { [SERVICE]: rule } });
    await test.call('admin');
    expect((await failure(test.call('alice'))).code).toBe(Status.PERMISSION_DENIED);
    expect((await failure(test.call())).code).toBe(Status.UNAUTHENTICATED);
    expect(test.identities.map((identity) => identity?.subject)).toEqual(['admin']);
  });

  it('gives a function the call, by the method that is registered', async () => {
    const seen: string[] = [];
    const rule: AccessRule = (_identity, call) => {
      seen.push(call.method.path, call.peer.address);
      return true;
    };
    await using test = await startIdentity(byName, { authorize: { [SERVICE]: rule } });
    await test.call('alice');
    expect(seen).toEqual([`/${UNARY}`, expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  });

  it.each(['yes', 1, {}, [], null, undefined])('takes %j for no', async (answer) => {
    const rule = (() => answer) as unknown as AccessRule;
    await using test = await startIdentity(byName, { authorize: { [UNARY]: rule } });
    expect((await failure(test.call('alice'))).code).toBe(Status.PERMISSION_DENIED);
  });

  const thrown: [what: string, value: unknown][] = [
    ['an error', new Error('hunter2')],
    ['a string', 'hunter2'],
    ['null', null],
  ];
  it.each(thrown)(
    'fails with UNKNOWN and an id where a function throws %s',
    async (_what, value) => {
      const rule: AccessRule = () => {
        throw value;
      };
      await using test = await startIdentity(byName, { authorize: { [UNARY]: rule } });
      const error = await failure(test.call('alice'));

      expect(error.code).toBe(Status.UNKNOWN);
      const errorId = /^Internal error ([0-9a-f-]{36})$/.exec(error.details)?.[1];
      expect(test.log).toMatchObject([{ level: 'error', fields: { err: value, errorId } }]);
      expect(test.identities).toEqual([]);
    },
  );

  it('keeps the status that a function throws', async () => {
    const rule: AccessRule = () => {
      throw new ServerError(Status.RESOURCE_EXHAUSTED, 'no licence left');
    };
    await using test = await startIdentity(byName, { authorize: { [UNARY]: rule } });
    expect(await failure(test.call('alice'))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: 'no licence left',
    });
  });

  it('starts no handler for a call that ended while a function decided', async () => {
    const asked = deferred();
    const answer = deferred<boolean>();
    const ended = deferred();
    let handled = 0;
    const rule: AccessRule = (_identity, call) => {
      call.onEnd(() => ended.resolve());
      asked.resolve();
      return answer.promise;
    };
    const clientStream = async () => {
      handled++;
      return {};
    };
    const server = { authenticate: byName, authorize: { [SERVICE]: rule } };
    await using pair = await startPair({ clientStream }, { server });
    const abort = new AbortController();
    const options = { signal: abort.signal, metadata: { authorization: 'alice' } };
    const call = failure(pair.client.clientStream(samples('a'), options));
    await asked.promise;
    abort.abort();
    await call;
    await ended.promise;
    answer.resolve(true);
    await pair.client[Symbol.asyncDispose]();
    await pair.server.shutdown({ propagationMs: 0 });
    expect(handled).toBe(0);
  });

  it('leaves the health service to everybody', async () => {
    const server = { authenticate: byName, authorize: {} };
    await using pair = await startPair({}, { server });
    await using health = createClient(HealthDefinition, pair.target, { runtime: testRuntime() });
    expect((await health.check({})).status).toBe(ServingStatus.SERVING);
  });
});

describe('rules that cannot be meant', () => {
  const cases: [what: string, authorize: AccessRules, reason: RegExp][] = [
    ['a service that is not served', { 'shop.v1.Orders': 'anyone' }, /'shop\.v1\.Orders'/],
    ['a method that is not there', { [`${SERVICE}/Unray`]: 'anyone' }, /ShapesService\/Unray'/],
    ['the path of a method', { [`/${UNARY}`]: 'anyone' }, /which this server does not serve/],
    ["'authenticated' where nobody authenticates", { [UNARY]: 'authenticated' }, /nobody authent/],
  ];

  it.each(cases)('refuse to listen: %s', async (_what, authorize, reason) => {
    const error = await rejection(startPair({}, { server: { authorize } }));
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(reason);
  });

  it('are not those for reflection, where it is served', async () => {
    const authorize: AccessRules = { 'grpc.reflection.v1.ServerReflection': 'anyone' };
    // The least that is a descriptor set: one file, of which nothing is said.
    const reflection = { descriptors: new Uint8Array([0x0a, 0x00]) };
    await using pair = await startPair({}, { server: { authorize, reflection } });
    expect(pair.port).toBeGreaterThan(0);
  });
});
