import { SpanStatusCode } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';

import type { PairOptions, ShapesImplementation } from '../../support/harness.ts';
import { collect, rejection, TRANSPORTS } from '../../support/harness.ts';
import { samples } from '../../support/shapes-service.ts';
import { treeOf } from './recorded-spans.ts';
import { SERVICE, tracedPair, UNARY, useSdk } from './traced-pair.ts';

const sdk = useSdk();

describe.each(TRANSPORTS)('over %s', (_name, transport) => {
  const options = (): PairOptions => ({ transport: transport() });

  test('a call is one CLIENT span, an attempt below it and one SERVER span below that', async () => {
    await using pair = await tracedPair({}, options());
    await pair.client.unary({ sample: { text: 'a' } });
    await sdk.settled(3);
    expect(treeOf(sdk.spans.started)).toEqual([
      { [`CLIENT ${UNARY}`]: [{ [`INTERNAL ${UNARY} attempt`]: [{ [`SERVER ${UNARY}`]: [] }] }] },
    ]);
    const traceIds = sdk.spans.ended.map((span) => span.spanContext().traceId);
    expect(new Set(traceIds).size).toBe(1);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('the four shapes end theirs once, with their counts', async () => {
    await using pair = await tracedPair({}, options());
    const { client } = pair;
    await client.unary({});
    await client.clientStream(samples('a', 'b', 'c'));
    await collect(client.serverStream({ count: 2 }));
    await collect(client.bidi(samples('a', 'b')));
    await sdk.settled(12);
    expect(sdk.spans.notEndedOnce).toEqual([]);
    const counts = sdk.spans.of('CLIENT').map(({ name, attributes, events }) => ({
      name: name.slice(SERVICE.length + 1),
      sent: attributes['inboard.messages.sent'],
      received: attributes['inboard.messages.received'],
      events: events.map((event) => event.name),
    }));
    const [sent, received] = ['first message sent', 'first message received'];
    expect(counts).toEqual([
      { name: 'Unary', sent: undefined, received: undefined, events: [] },
      { name: 'ClientStream', sent: 3, received: undefined, events: [sent] },
      { name: 'ServerStream', sent: undefined, received: 2, events: [received] },
      { name: 'Bidi', sent: 2, received: 2, events: [sent, received] },
    ]);
    const served = sdk.spans.of('SERVER').map(({ attributes }) => ({
      sent: attributes['inboard.messages.sent'],
      received: attributes['inboard.messages.received'],
    }));
    expect(served).toEqual([
      { sent: undefined, received: undefined },
      { sent: undefined, received: 3 },
      { sent: 2, received: undefined },
      { sent: 2, received: 2 },
    ]);
  });

  test('a stream that nobody reads is no call', async () => {
    await using pair = await tracedPair({}, options());
    const unread = pair.client.serverStream({ count: 1 });
    await unread.return?.();
    await pair.client.unary({});
    await sdk.settled(3);
    expect(sdk.spans.started.map(({ name }) => name)).not.toContain(`${SERVICE}/ServerStream`);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('a stream that its reader leaves ends as cancelled', async () => {
    const endless: ShapesImplementation['serverStream'] = async function* () {
      for (let index = 0; ; index++) yield { index, sample: { text: 'x'.repeat(10_000) } };
    };
    await using pair = await tracedPair({ serverStream: endless }, options());
    for await (const _message of pair.client.serverStream({})) break;
    await sdk.settled(3);
    expect(sdk.spans.notEndedOnce).toEqual([]);
    expect(sdk.spans.of('CLIENT')[0]?.attributes['rpc.status_code']).toBe('CANCELLED');
    expect(sdk.spans.of('SERVER')[0]?.attributes['rpc.status_code']).toBe('CANCELLED');
    // Nobody failed to serve it: it was not wanted any more.
    expect(sdk.spans.of('SERVER')[0]?.status.code).toBe(SpanStatusCode.UNSET);
    expect(sdk.spans.of('INTERNAL')[0]?.status.code).toBe(SpanStatusCode.UNSET);
  });

  test.each(['unary', 'clientStream', 'serverStream', 'bidi'] as const)(
    '%s ends its spans once when it is cancelled, and at its deadline',
    async (shape) => {
      const arrived: (() => void)[] = [];
      const hang = (_: unknown, { signal }: { signal: AbortSignal }): Promise<never> => {
        arrived.shift()?.();
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      };
      async function* hangs(request: unknown, call: { signal: AbortSignal }) {
        yield await hang(request, call);
      }
      const silent = { unary: hang, clientStream: hang, serverStream: hangs, bidi: hangs };
      await using pair = await tracedPair(silent, options());
      const run = async (
        call: { signal: AbortSignal } | { timeoutMs: number },
      ): Promise<unknown> => {
        const { client } = pair;
        const stream = samples('a');
        if (shape === 'unary') return client.unary({}, call);
        if (shape === 'clientStream') return client.clientStream(stream, call);
        return collect(
          shape === 'bidi' ? client.bidi(stream, call) : client.serverStream({}, call),
        );
      };
      const abort = new AbortController();
      arrived.push(() => abort.abort());
      await rejection(run({ signal: abort.signal }));
      await rejection(run({ timeoutMs: 300 }));
      await sdk.settled(6);
      expect(sdk.spans.notEndedOnce).toEqual([]);
      const codes = sdk.spans.of('CLIENT').map((span) => span.attributes['rpc.status_code']);
      expect(codes).toEqual(['CANCELLED', 'DEADLINE_EXCEEDED']);
    },
  );
});
