import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import { createClient } from '../../src/index.ts';
import { callShape } from '../compat/call-shape.ts';
import { deferred, rejection, startPair } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { startPython, withoutPython } from './python.ts';

describe.skipIf(withoutPython !== '')(`Python${withoutPython}`, { timeout: 30_000 }, () => {
  test('its client calls our server', async () => {
    const hung = deferred();
    const left = deferred();
    let remainingMs = 0;
    await using pair = await startPair({
      async unary(request, context) {
        const { metadata, header, trailer, signal } = context;
        header.set('x-text', metadata.get('x-text') ?? '');
        trailer.set('x-bytes-bin', metadata.get('x-bytes-bin') ?? new Uint8Array());
        if (request.sample?.text === 'fail') {
          throw new ServerError(Status.OUT_OF_RANGE, 'Größe 100% 🧊\n');
        }
        if (request.sample?.text !== 'hang') return shapes.unary(request, context);
        remainingMs = context.remainingMs();
        signal.addEventListener('abort', () => hung.resolve());
        return new Promise(() => undefined);
      },
      async *serverStream(request, context) {
        context.signal.addEventListener('abort', () => left.resolve());
        yield* shapes.serverStream(request, context);
      },
    });
    await using python = startPython('client', String(pair.port));
    expect(await python.rest()).toEqual([
      {
        unary: 'Größe 🧊',
        header: { 'x-text': 'from python' },
        trailer: { 'x-bytes-bin': '00ff2c' },
      },
      { clientStream: 2, last: 'b' },
      { serverStream: ['s', 's', 's'] },
      { bidi: ['x', 'y'] },
      { large: true },
      { gzip: true },
      { failed: 'fail', code: 'OUT_OF_RANGE', details: 'Größe 100% 🧊\n' },
      { failed: 'hang', code: 'DEADLINE_EXCEEDED', details: expect.any(String) as string },
      { cancelled: true },
    ]);
    await Promise.all([hung.promise, left.promise]);
    // grpcio rounds up what it sends.
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThan(350);
  });

  test('our client calls its server, which compresses what it sends', async () => {
    await using python = startPython('server');
    const { port } = await python.line();
    await using client = createClient(
      ShapesServiceDefinition,
      `static:///127.0.0.1:${String(port)}`,
    );
    const large = '0123456789abcdef'.repeat(2 ** 17);
    expect((await callShape(client, 'unary', {}, [large]))[0] === large).toBe(true);
    expect(await callShape(client, 'clientStream', {}, ['a', 'Größe'])).toEqual(['Größe']);
    expect(await callShape(client, 'serverStream', {}, ['s', 's', 's'])).toEqual(['s', 's', 's']);
    expect(await callShape(client, 'bidi', {}, ['x', 'y'])).toEqual(['x', 'y']);

    const told: unknown[] = [];
    await client.unary(
      {},
      {
        metadata: Metadata({ 'x-text': 'there', 'x-bytes-bin': new Uint8Array([0, 255]) }),
        onHeader: (header) => told.push(header.get('x-text'), header.get('x-bytes-bin')?.length),
        onTrailer: (trailer) =>
          told.push(trailer.get('x-text'), trailer.get('x-bytes-bin')?.length),
      },
    );
    expect(told).toEqual(['there', 2, 'there', 2]);

    expect(await rejection(client.unary({ sample: { text: 'fail' } }))).toMatchObject({
      code: Status.OUT_OF_RANGE,
      details: 'Größe 100% 🧊\n',
    });
    const late = rejection(client.unary({ sample: { text: 'hang' } }, { timeoutMs: 300 }));
    expect(await late).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    const { remaining } = await python.line();
    expect(remaining).toBeLessThanOrEqual(0.3);
    expect(remaining).toBeGreaterThan(0);
    expect(await python.line()).toEqual({ ended: true });

    const endless = { sample: { text: 'endless' }, count: 1_000_000 };
    for await (const { index } of client.serverStream(endless)) {
      if (index === 3) break;
    }
    expect(await python.line()).toEqual({ ended: true });
  });
});
