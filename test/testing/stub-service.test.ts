import { describe, expect, expectTypeOf, test } from 'vitest';

import type { UnaryRequest } from '../../generated/inboard/testing/v1/shapes.ts';
import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Client, ServiceImplementation } from '../../src/index.ts';
import { ConfigError, RpcError, ServerError, Status } from '../../src/index.ts';
import { stubControl, stubService, testPair } from '../../src/testing/index.ts';
import { collect, rejection } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';

type Shapes = (typeof ShapesServiceDefinition)['methods'];

const text = (said: string): { sample: { text: string } } => ({ sample: { text: said } });

describe('what is not faked', () => {
  test.each([
    ['unary', async (client) => client.unary({})],
    ['clientStream', async (client) => client.clientStream(samples('a'))],
    ['serverStream', async (client) => collect(client.serverStream({}))],
    ['bidi', async (client) => collect(client.bidi(samples('a')))],
  ] satisfies [keyof Shapes, (client: Client<typeof ShapesServiceDefinition>) => unknown][])(
    '%s says so, and how to fake it',
    async (key, call) => {
      const stub = stubService(ShapesServiceDefinition);
      await using pair = await testPair(ShapesServiceDefinition, stub);
      const error = await rejection(Promise.resolve(call(pair.client)));
      expect(error).toBeInstanceOf(RpcError);
      expect((error as RpcError).code).toBe(Status.UNIMPLEMENTED);
      const name = key.replace(/^./, (first) => first.toUpperCase());
      expect((error as RpcError).details).toBe(
        `inboard.testing.v1.ShapesService/${name} has no fake: ` +
          `give '${key}' to stubService(), or call stub.on('${key}', …)`,
      );
      expect(stub.calls[key]).toHaveLength(1);
    },
  );
});

describe('answers', () => {
  test('a handler, a message, a list of messages or an error', async () => {
    const stub = stubService(ShapesServiceDefinition, {
      unary: ({ sample }) => text(`${sample?.text}!`),
      unarySafe: text('always'),
      clientStream: { count: 7 },
      serverStream: [{ index: 1 }, { index: 2 }],
      bidi: new ServerError(Status.NOT_FOUND, 'nobody here'),
    });
    await using pair = await testPair(ShapesServiceDefinition, stub);
    const { client } = pair;
    expect((await client.unary(text('hello'))).sample?.text).toBe('hello!');
    expect((await client.unarySafe({})).sample?.text).toBe('always');
    expect((await client.clientStream(samples('a', 'b'))).count).toBe(7);
    expect((await collect(client.serverStream({}))).map(({ index }) => index)).toEqual([1, 2]);
    expect(await rejection(collect(client.bidi(samples())))).toMatchObject({
      code: Status.NOT_FOUND,
      details: 'nobody here',
    });
  });

  test('on() replaces one at run time, once() queues, reset() goes back to the first', async () => {
    const stub = stubService(ShapesServiceDefinition, { unary: text('first') });
    await using pair = await testPair(ShapesServiceDefinition, stub);
    const ask = async (): Promise<string | undefined> => (await pair.client.unary({})).sample?.text;
    expect(await ask()).toBe('first');
    stub.on('unary', () => text('second'));
    expect(await ask()).toBe('second');
    stub.once('unary', text('one'));
    stub.once('unary', new ServerError(Status.UNAVAILABLE, 'two'));
    stub.once('unary', async ({ sample }) => text(`three ${sample?.text}`));
    expect(await ask()).toBe('one');
    expect(await rejection(ask())).toMatchObject({ code: Status.UNAVAILABLE, details: 'two' });
    expect(await ask()).toBe('three undefined');
    expect(await ask()).toBe('second');
    expect(stub.calls.unary).toHaveLength(6);

    const { unary: before } = stub.calls;
    stub.once('unary', text('never given'));
    stub.reset();
    expect(stub.calls.unary).toEqual([]);
    expect(before).toHaveLength(6);
    expect(await ask()).toBe('first');
  });
});

describe('what a stub remembers', () => {
  test('requests, metadata and contexts, in order, each method by itself', async () => {
    const stub = stubService(ShapesServiceDefinition, { unary: {} });
    await using pair = await testPair(ShapesServiceDefinition, stub);
    await pair.client.unary(text('a'), { metadata: { 'x-who': 'me' }, timeoutMs: 300 });
    await pair.client.unary(text('b'));
    const [first, second] = stub.calls.unary;
    expect([first?.request.sample?.text, second?.request.sample?.text]).toEqual(['a', 'b']);
    expect([first?.metadata.get('x-who'), second?.metadata.get('x-who')]).toEqual([
      'me',
      undefined,
    ]);
    expect(first?.context.remainingMs()).toBe(300);
    expect(stub.calls.unarySafe).toEqual([]);
  });

  test('the messages of a request stream, as far as the handler reads them', async () => {
    const stub = stubService(ShapesServiceDefinition, {
      clientStream: {},
      async *bidi(requests) {
        for await (const { sample } of requests) {
          yield { sample };
          if (sample?.text === 'enough') return;
        }
      },
    });
    await using pair = await testPair(ShapesServiceDefinition, stub);
    await pair.client.clientStream(samples('a', 'b', 'c'));
    const [whole] = stub.calls.clientStream;
    expect(whole?.request.map(({ sample }) => sample?.text)).toEqual(['a', 'b', 'c']);
    await collect(pair.client.bidi(samples('more', 'enough', 'too much')));
    const [part] = stub.calls.bidi;
    expect(part?.request.map(({ sample }) => sample?.text)).toEqual(['more', 'enough']);
  });
});

describe('names', () => {
  test('of no method are refused by the compiler, and when the compiler is not asked', () => {
    const stub = stubService(ShapesServiceDefinition);
    const known = /ShapesService has no method 'unari'; it has unary, unarySafe, /;
    // @ts-expect-error -- no such method
    expect(() => stub.on('unari', {})).toThrow(known);
    // @ts-expect-error -- no such method
    expect(() => stub.once('unari', {})).toThrow(ConfigError);
    // @ts-expect-error -- no such method
    expect(() => stubService(ShapesServiceDefinition, { unari: {} })).toThrow(known);
    // @ts-expect-error -- no such method
    expect(stub.calls.unari).toBeUndefined();
  });

  test('of the control leave a method that has them in its place', async () => {
    const { unary } = ShapesServiceDefinition.methods;
    const definition = {
      fullName: 'inboard.testing.v1.Awkward',
      methods: { reset: { ...unary, name: 'Reset' }, on: { ...unary, name: 'On' } },
    } as const;
    const stub = stubService(definition, { reset: text('was reset') });
    const control = stubControl(stub);
    expectTypeOf(stub.reset).toEqualTypeOf<ServiceImplementation<typeof definition>['reset']>();
    control.on('on', text('is on'));
    await using pair = await testPair(definition, stub);
    expect((await pair.client.reset(text('?'))).sample?.text).toBe('was reset');
    expect((await pair.client.on({})).sample?.text).toBe('is on');
    expect(control.calls.reset[0]?.request.sample?.text).toBe('?');
    expect(stub.calls.on).toHaveLength(1);
    control.reset();
    expect(stub.calls.on).toHaveLength(0);
    expect(stubControl(stubService(ShapesServiceDefinition)).calls.bidi).toEqual([]);
  });
});

test('types: a stub is the service, and knows what each method takes and gives', () => {
  const stub = stubService(ShapesServiceDefinition);
  expectTypeOf(stub).toExtend<ServiceImplementation<typeof ShapesServiceDefinition>>();
  expectTypeOf(stub.calls.unary).items.toHaveProperty('request').toEqualTypeOf<UnaryRequest>();
  expectTypeOf(stub.calls.bidi).items.toHaveProperty('request').toExtend<readonly object[]>();
  stub.on('unary', (request, context) => {
    expectTypeOf(request).toEqualTypeOf<UnaryRequest>();
    expectTypeOf(context.remainingMs).returns.toBeNumber();
    return {};
  });
  stub.on('serverStream', async function* ({ count }) {
    expectTypeOf(count).toBeNumber();
    yield { index: 1 };
  });
  // @ts-expect-error -- a handler that gives what the response is not
  stub.on('unary', () => ({ sample: 5 }));
  // @ts-expect-error -- a message that the response is not
  stub.on('unary', { sampel: {} });
  // @ts-expect-error -- one message where there are many
  stub.on('serverStream', { index: 1 });
  // @ts-expect-error -- many where there is one
  stub.once('unary', [{ sample: {} }]);
  expectTypeOf(stub.calls.unary).not.toHaveProperty('push');
  expect(stub.calls.unary).toBeDefined();
});
