import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient, serverTls, tls } from '../../src/index.ts';
import { deferred, startPair, testRuntime } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';
import { startDoublingProxy } from './doubling-proxy.ts';
import { authority, echo, failure, localhost, nextText, startSecure } from './secure-server.ts';

describe('a request with two authorization headers', () => {
  it('is refused on the wire, and its neighbours on the connection go on', async () => {
    let handled = 0;
    await using pair = await startPair({
      async unary({ sample }) {
        handled++;
        return { sample };
      },
    });
    await using proxy = await startDoublingProxy(pair.port);
    const target = `static:///127.0.0.1:${proxy.port}`;
    await using client = createClient(ShapesServiceDefinition, target, { runtime: testRuntime() });
    const more = deferred();
    const stream = client.bidi(
      (async function* () {
        yield* samples('before');
        await more.promise;
        yield* samples('after');
      })(),
    );
    expect(await nextText(stream)).toBe('before');

    proxy.addToNext('Bearer second');
    const error = await failure(client.unary({}, { metadata: { authorization: 'Bearer first' } }));
    expect(error.code).toBe(Status.UNAUTHENTICATED);
    expect(error.details).toMatch(/more than one 'authorization' header: send exactly one/);
    expect(error.details).not.toMatch(/first|second/);
    expect(handled).toBe(0);

    more.resolve();
    expect(await nextText(stream)).toBe('after');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(await echo(client, 'later')).toBe('later');
    expect(proxy.accepted).toBe(1);
  });

  it('is refused by the client before it is sent', async () => {
    await using pair = await startPair();
    const metadata = Metadata().append('authorization', 'Bearer a');
    metadata.append('authorization', 'Bearer b');
    const error = await failure(pair.client.unary({}, { metadata }));

    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(/more than one 'authorization' value: send exactly one/);
    expect(await echo(pair.client, 'neighbour')).toBe('neighbour');
  });
});

describe('call credentials and an authorization of their own', () => {
  const { ca } = authority;

  it('refuse a call that carries its own as well', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const callCredentials = { metadata: async () => Metadata({ authorization: 'Bearer theirs' }) };
    const client = server.connect({ credentials: tls({ ca }), callCredentials });
    const metadata = { authorization: 'Bearer mine' };
    const error = await failure(client.unary({}, { metadata }));

    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(/carries its own 'authorization' already/);
    expect(await echo(client, 'without')).toBe('without');
  });

  it('refuse credentials that make two', async () => {
    await using server = await startSecure({ credentials: serverTls(localhost) });
    const two = Metadata().append('authorization', 'Bearer a').append('authorization', 'Basic b');
    const callCredentials = { metadata: async () => two };
    const client = server.connect({ credentials: tls({ ca }), callCredentials });
    const error = await failure(echo(client, 'twice'));

    expect(error).toMatchObject({ code: Status.UNAUTHENTICATED, processed: 'no' });
    expect(error.details).toMatch(/more than one 'authorization' value/);
  });
});
