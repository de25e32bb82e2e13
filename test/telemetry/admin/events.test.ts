import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';

import { describe, expect, test } from 'vitest';

import type { ConsoleState } from '../../../src/telemetry/console/console-state.ts';
import { LiveEvents } from '../../../src/telemetry/admin/live-events.ts';
import { openListener } from '../../../src/telemetry/admin/open-listener.ts';
import { ManualClock } from '../../../src/testing/index.ts';
import { createAdmin, createRuntime, ServerError, Status } from '../../../src/index.ts';
import { rejection, testRuntime } from '../../support/harness.ts';
import { adminPair, among, ask, having } from './support.ts';

interface Stream extends AsyncDisposable {
  readonly response: IncomingMessage;
  /** The next message's fields. */
  next(): Promise<Readonly<Record<string, string>>>;
}

async function follow({ port }: { readonly port: number }): Promise<Stream> {
  const path = '/console/events';
  const sent = request({ host: '127.0.0.1', port, path, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const messages = parse(response);
  response.on('error', () => undefined);
  return {
    response,
    next: async () => (await messages.next()).value ?? {},
    async [Symbol.asyncDispose]() {
      response.destroy();
    },
  };
}

async function* parse(
  response: AsyncIterable<Buffer>,
): AsyncGenerator<Record<string, string>, undefined> {
  let text = '';
  for await (const chunk of response) {
    text += chunk.toString();
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      yield Object.fromEntries(lines.map((line) => line.split(/: (.*)/s, 2) as [string, string]));
    }
  }
  return undefined;
}

function stateOf(message: Readonly<Record<string, string>>): ConsoleState {
  return JSON.parse(message['data'] ?? '') as ConsoleState;
}

describe('the stream of states', () => {
  test('tells at once, then each 0.8 s, with ids that grow', async () => {
    const clock = new ManualClock();
    const parts = { runtime: testRuntime(), metrics: undefined };
    const listener = await openListener(parts, '127.0.0.1', 0, {}, { clock });
    await using _open = { [Symbol.asyncDispose]: () => listener.close() };
    await using stream = await follow(listener);
    expect(stream.response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(await stream.next()).toEqual({ retry: '1000' });
    expect((await stream.next())['id']).toBe('1');
    clock.advance(800);
    const second = await stream.next();
    expect([second['id'], stateOf(second).process.pid]).toEqual(['2', process.pid]);
    clock.advance(800);
    expect((await stream.next())['id']).toBe('3');
  });

  test('calls the process what the listener says, else what its runtime does', async () => {
    const runtime = createRuntime({ service: 'checkout' });
    await using admin = createAdmin({ runtime });
    const names: (string | undefined)[] = [];
    for (const options of [{}, { name: 'checkout-1' }]) {
      await using stream = await follow(await admin.listen(':0', options));
      await stream.next();
      names.push(stateOf(await stream.next()).process.name);
    }
    expect(names).toEqual(['checkout', 'checkout-1']);
  });

  test('tells of methods, endpoints, circuits, servers and calls that failed', async () => {
    const unary = async (): Promise<never> => {
      throw new ServerError(Status.INTERNAL, 'it broke');
    };
    await using running = await adminPair({ invoke: true }, { shapes: { unary } });
    await rejection(running.pair.client.unary({}));
    await running.pair.client.unarySafe({});
    await using stream = await follow(running.admin);
    await stream.next();
    const state = stateOf(await stream.next());
    const service = 'inboard.testing.v1.ShapesService';
    expect(state.process).toMatchObject({ pid: process.pid, ready: true, invoke: true });
    expect(state.methods).toEqual(
      among(
        having({
          ...{ side: 'client', service, method: 'Unary', type: 'unary', calls: 1, failures: 1 },
          ...{ success: 0, inFlight: 0, codes: { INTERNAL: 1 } },
        }),
        having({
          ...{ side: 'server', method: 'UnarySafe', calls: 1, success: 1, codes: { OK: 1 } },
        }),
      ),
    );
    expect(state.channels).toMatchObject([
      {
        target: running.pair.target,
        endpoints: [{ state: 'ready', picks: 2, ejectedForMs: null }],
      },
    ]);
    expect(state.circuits).toEqual(
      among(having({ service, method: 'Unary', state: 'closed', changes: [] })),
    );
    expect(state.servers).toMatchObject([{ draining: false, health: { '': 'SERVING' } }]);
    expect(state.failed[0]).toMatchObject({
      ...{ service, method: 'Unary', code: 'INTERNAL', details: 'it broke', attempts: 1 },
    });
  });

  test('has room for 16, and others are told so', async () => {
    await using running = await adminPair();
    const streams: Stream[] = [];
    for (let count = 0; count < 16; count++) streams.push(await follow(running.admin));
    const more = await ask(running.admin, '/console/events');
    expect([more.status, more.headers['retry-after']]).toEqual([503, '5']);
    // And whoever else asks is answered.
    expect((await ask(running.admin, '/healthz')).status).toBe(200);
    for (const stream of streams) await stream[Symbol.asyncDispose]();
    await expect
      .poll(async () => {
        const stream = await follow(running.admin);
        const { statusCode } = stream.response;
        await stream[Symbol.asyncDispose]();
        return statusCode;
      })
      .toBe(200);
  });
});

describe('a stream on a clock that stands still', () => {
  /** As much of a response as a stream needs: what one reader has got, and not taken yet. */
  class Reader extends EventTarget {
    readonly chunks: string[] = [];
    writableLength = 0;
    destroyed = false;
    private closed: () => void = () => undefined;

    writeHead(): void {}

    write(chunk: string | Buffer): void {
      this.chunks.push(chunk.toString());
    }

    once(_event: string, listener: () => void): void {
      this.closed = listener;
    }

    end(): void {
      this.destroy();
    }

    destroy(): void {
      this.destroyed = true;
      this.closed();
    }
  }

  interface Live {
    readonly clock: ManualClock;
    readonly failures: unknown[];
    readonly made: () => number;
    readonly add: () => Reader;
  }

  function live(building: (made: number, clock: ManualClock) => void = () => undefined): Live {
    const clock = new ManualClock();
    const failures: unknown[] = [];
    let made = 0;
    const build = (): string => {
      building(++made, clock);
      return String(made);
    };
    const events = new LiveEvents(clock, build, (error) => failures.push(error));
    const add = (): Reader => {
      const reader = new Reader();
      events.add(reader as never);
      return reader;
    };
    return { clock, failures, made: () => made, add };
  }

  test('outlives states that cannot be made, and says so once each time', () => {
    const bad = new Set([2, 3, 5]);
    const { clock, failures, add } = live((made) => {
      if (bad.has(made)) throw new Error(`EMFILE ${made}`);
    });
    const { chunks } = add();
    const had = chunks.length;
    clock.advance(1_600);
    expect(failures.map(String)).toEqual(['Error: EMFILE 2']);
    expect(chunks.length).toBe(had);
    clock.advance(2_400);
    expect(failures.map(String)).toEqual(['Error: EMFILE 2', 'Error: EMFILE 5']);
    expect(chunks.slice(had)).toEqual(['id: 4\ndata: 4\n\n', 'id: 6\ndata: 6\n\n']);
  });

  test('answers nothing where the first state cannot be made', () => {
    const { clock, add } = live(() => {
      throw new Error('EMFILE');
    });
    expect(add).toThrow('EMFILE');
    expect(clock.pending).toBe(0);
  });

  test.each([
    ['each 0.8 s', 5, 75],
    ['each second', 20, 59],
    ['each 2 s', 500, 24],
  ])('is told %s where a state takes as long as it does', (_each, costMs, least) => {
    const { clock, made, add } = live((_made, its) => its.advance(costMs));
    add();
    const beginMs = clock.now();
    // Further than the clock is told to go, by what states take.
    while (clock.now() < beginMs + 60_000) clock.advance(10);
    expect(made()).toBeGreaterThanOrEqual(least);
    expect(made()).toBeLessThanOrEqual(least + 3);
  });

  test('does not make a state for each of those who come and go', () => {
    const { clock, made, add } = live();
    for (let come = 0; come < 1_000; come++) {
      add().destroy();
      clock.advance(10);
    }
    expect(made()).toBeLessThanOrEqual(10_000 / 800 + 1);
  });

  test('is no older than a second for one who joins, however seldom it is told', () => {
    // Dear enough to be told each 2 s.
    const { clock, made, add } = live((_made, its) => its.advance(500));
    add();
    while (made() < 3) clock.advance(10);
    clock.advance(900);
    expect(add().chunks.at(-1)).toBe('id: 3\ndata: 3\n\n');
    clock.advance(100);
    expect(add().chunks.at(-1)).toBe('id: 4\ndata: 4\n\n');
  });

  test('is made once for all, and not at all for nobody', () => {
    const { clock, made, add } = live();
    clock.advance(10_000);
    expect(made()).toBe(0);
    const readers = [add(), add(), add()];
    expect(made()).toBe(1);
    clock.advance(800);
    expect(made()).toBe(2);
    for (const { chunks } of readers) expect(chunks.at(-1)).toBe('id: 2\ndata: 2\n\n');
    for (const reader of readers) reader.destroy();
    clock.advance(10_000);
    expect(made()).toBe(2);
    expect(clock.pending).toBe(0);
  });

  test('misses out who reads too slowly, tells it the newest later, and gives it up at last', () => {
    const { clock, add } = live();
    const slow = add();
    const quick = add();
    const had = slow.chunks.length;
    slow.writableLength = 1;
    clock.advance(8_000);
    expect(slow.chunks.length).toBe(had);
    expect(quick.chunks.length).toBe(had + 10);
    slow.writableLength = 0;
    clock.advance(800);
    expect(slow.chunks.slice(had)).toEqual(['id: 12\ndata: 12\n\n']);
    slow.writableLength = 1;
    clock.advance(60_000);
    expect(slow.destroyed).toBe(true);
    expect(quick.destroyed).toBe(false);
  });
});
