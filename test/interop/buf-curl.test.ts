import { ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { RichServerError } from '../../src/index.ts';
import { deferred, startPair } from '../support/harness.ts';
import type { BufRun } from './buf.ts';
import { bufCurl, messagesOf } from './buf.ts';

/** Calls a method of the shapes by the contract in proto/. */
function curl(port: number, method: string, ...args: string[]): Promise<BufRun> {
  const url = `http://127.0.0.1:${port}/inboard.testing.v1.ShapesService/${method}`;
  return bufCurl(['--schema', '.', ...args, url]);
}

describe('buf curl, a client in Go, by the contract', () => {
  test('calls all four shapes', async () => {
    await using pair = await startPair();
    const two = '{"sample": {"text": "a"}} {"sample": {"text": "Größe 🧊"}}';
    const unary = await curl(pair.port, 'Unary', '-d', '{"sample": {"big": "9007199254740993"}}');
    expect(messagesOf(unary)).toEqual([{ sample: { big: '9007199254740993' } }]);
    const clientStream = await curl(pair.port, 'ClientStream', '-d', two);
    expect(messagesOf(clientStream)).toEqual([{ count: 2, last: { text: 'Größe 🧊' } }]);
    const serverStream = await curl(pair.port, 'ServerStream', '-d', '{"count": 3}');
    expect(messagesOf(serverStream)).toEqual([{}, { index: 1 }, { index: 2 }]);
    const bidi = await curl(pair.port, 'Bidi', '-d', two);
    expect(messagesOf(bidi)).toEqual([
      { sample: { text: 'a' } },
      { index: 1, sample: { text: 'Größe 🧊' } },
    ]);
  });

  test('sends and prints metadata, with bytes in base64', async () => {
    const came: unknown[] = [];
    await using pair = await startPair({
      async unary(_request, { metadata, header, trailer }) {
        came.push(metadata.get('x-text'), [...(metadata.get('x-bytes-bin') ?? [])]);
        header.set('x-bytes-bin', new Uint8Array([0, 255, 44]));
        trailer.set('x-text', 'at the end');
        return {};
      },
    });
    const headers = ['-H', 'x-text: there', '-H', 'x-bytes-bin: AP8s'];
    const { code, errors } = await curl(pair.port, 'Unary', '-v', '-d', '{}', ...headers);
    expect(code).toBe(0);
    expect(came).toEqual(['there', [0, 255, 44]]);
    expect(errors).toMatch(/< .*X-Bytes-Bin: AP8s/);
    expect(errors).toMatch(/< .*X-Text: at the end/);
  });

  test('prints a failure with its text and its typed details', async () => {
    await using pair = await startPair({
      async unary() {
        const details = [
          { type: 'ErrorInfo', value: { reason: 'SOLD_OUT', domain: 'shop' } },
        ] as const;
        throw new RichServerError(Status.FAILED_PRECONDITION, 'Größe 100% 🧊', details);
      },
      async *serverStream() {
        yield { index: 7 };
        throw new ServerError(Status.ABORTED, 'half of it');
      },
    });
    const { code, errors } = await curl(pair.port, 'Unary', '-d', '{}');
    // buf exits with the code of the failure, eight times over.
    expect(code).toBe(Status.FAILED_PRECONDITION * 8);
    const failure = JSON.parse(errors) as { details: unknown };
    expect(failure).toMatchObject({ code: 'failed_precondition', message: 'Größe 100% 🧊' });
    expect(JSON.stringify(failure.details)).toContain('google.rpc.ErrorInfo');

    const half = await curl(pair.port, 'ServerStream', '-d', '{}');
    expect(messagesOf(half)).toEqual([{ index: 7 }]);
    expect(JSON.parse(half.errors)).toMatchObject({ code: 'aborted', message: 'half of it' });
  });

  test('sends its time limit, and the handler ends with it', async () => {
    const ended = deferred();
    let remainingMs = Number.POSITIVE_INFINITY;
    await using pair = await startPair({
      async unary(_request, context) {
        remainingMs = context.remainingMs();
        context.signal.addEventListener('abort', () => ended.resolve());
        return new Promise(() => undefined);
      },
    });
    const { code } = await curl(pair.port, 'Unary', '-d', '{}', '--timeout', '1s');
    expect(code).not.toBe(0);
    await ended.promise;
    expect(remainingMs).toBeLessThanOrEqual(1_000);
  });

  test('is told that a service is not served', async () => {
    await using pair = await startPair();
    const path = 'orders.v1.OrdersService/GetOrder';
    const url = `http://127.0.0.1:${pair.port}/${path}`;
    const { errors } = await bufCurl(['--schema', '.', '-d', '{}', url]);
    expect(JSON.parse(errors)).toMatchObject({
      code: 'unimplemented',
      message: "The service 'orders.v1.OrdersService' is not served here",
    });
  });
});
