import { Metadata, ServerError } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import {
  errorDetails,
  findErrorDetail,
  RichServerError,
  RpcError,
  Status,
} from '../../src/index.ts';
import { rejection, startPair, TRANSPORTS } from '../support/harness.ts';
import { samples } from '../support/shapes-service.ts';

describe.each(TRANSPORTS)('typed error details over %s', (_name, makeTransport) => {
  test('arrive as they were thrown, in their order', async () => {
    await using p = await startPair(
      {
        async unary() {
          throw new RichServerError(Status.FAILED_PRECONDITION, 'not now – später', [
            { type: 'RetryInfo', value: { retryDelay: { seconds: 3n, nanos: 500_000_000 } } },
            {
              type: 'ErrorInfo',
              value: { reason: 'CLOSED', domain: 'shop', metadata: new Map([['until', '9:00']]) },
            },
            {
              type: 'BadRequest',
              value: { fieldViolations: [{ field: 'id', description: 'is empty' }] },
            },
          ]);
        },
      },
      { transport: makeTransport() },
    );
    const error = await rejection(p.client.unary({}));
    expect(error).toMatchObject({ code: Status.FAILED_PRECONDITION, details: 'not now – später' });
    expect(errorDetails(error).map(({ type }) => type)).toEqual([
      'RetryInfo',
      'ErrorInfo',
      'BadRequest',
    ]);
    expect(findErrorDetail(error, 'RetryInfo')?.retryDelay).toEqual({
      seconds: 3n,
      nanos: 500_000_000,
    });
    expect(findErrorDetail(error, 'ErrorInfo')?.metadata.get('until')).toBe('9:00');
    expect(findErrorDetail(error, 'BadRequest')?.fieldViolations[0]).toMatchObject({
      field: 'id',
      description: 'is empty',
    });
    expect(findErrorDetail(error, 'Help')).toBeUndefined();
  });

  test('come with the trailers that the handler set, also after a stream began', async () => {
    await using p = await startPair(
      {
        async *serverStream(_request, context) {
          context.trailer.set('x-mine', 'kept');
          yield { index: 0 };
          throw new RichServerError(Status.ABORTED, 'stop', [
            { type: 'RequestInfo', value: { requestId: 'r' } },
          ]);
        },
      },
      { transport: makeTransport() },
    );
    const stream = p.client.serverStream({ count: 1 });
    await stream.next();
    const error = (await rejection(stream.next())) as RpcError;
    expect(findErrorDetail(error, 'RequestInfo')?.requestId).toBe('r');
    expect(error.metadata.get('x-mine')).toBe('kept');
  });
});

test('errors without details, and errors that are none, have an empty list', async () => {
  await using p = await startPair({
    async unary() {
      throw new ServerError(Status.NOT_FOUND, 'plain');
    },
  });
  expect(errorDetails(await rejection(p.client.unary({})))).toEqual([]);
  expect(errorDetails(new Error('no call'))).toEqual([]);
  expect(errorDetails(undefined)).toEqual([]);
});

test('details that a peer broke do not hide the error', () => {
  const metadata = Metadata({ 'grpc-status-details-bin': new Uint8Array([255, 255]) });
  const error = new RpcError('/a.B/C', { code: Status.INTERNAL, details: 'x', metadata });
  expect(errorDetails(error)).toEqual([]);
});

describe('validation', () => {
  const validate = {
    unary: ({ sample }: { sample?: { text: string } | undefined }) =>
      sample?.text === '' ? [{ field: 'sample.text', description: 'must not be empty' }] : [],
    clientStream: ({ sample }: { sample?: { text: string } | undefined }) =>
      sample?.text === 'bad' ? [{ field: 'sample.text', description: 'must not be bad' }] : [],
  };

  test('refuses a request with every violation, before the handler runs', async () => {
    let ran = false;
    await using p = await startPair(
      {
        async unary() {
          ran = true;
          return {};
        },
      },
      { service: { validate } },
    );
    const error = await rejection(p.client.unary({ sample: { text: '' } }));
    expect(error).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: 'sample.text: must not be empty',
    });
    expect(findErrorDetail(error, 'BadRequest')?.fieldViolations).toMatchObject([
      { field: 'sample.text', description: 'must not be empty' },
    ]);
    expect(ran).toBe(false);
    await p.client.unary({ sample: { text: 'fine' } });
    expect(ran).toBe(true);
  });

  test('ends a request stream at its first bad message', async () => {
    const seen: string[] = [];
    await using p = await startPair(
      {
        async clientStream(requests) {
          for await (const { sample } of requests) seen.push(sample?.text ?? '');
          return { count: seen.length };
        },
      },
      { service: { validate } },
    );
    const error = await rejection(p.client.clientStream(samples('good', 'bad', 'never')));
    expect(error).toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(findErrorDetail(error, 'BadRequest')).toBeDefined();
    expect(seen).not.toContain('never');
    expect(seen).not.toContain('bad');
  });
});
