import type { ServerMiddleware } from 'nice-grpc-common';
import { ServerError, Status } from 'nice-grpc-common';
import { describe, expect, test } from 'vitest';

import { deferred, rejection } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { SERVERS } from './both-servers.ts';
import { callShape, SHAPES } from './call-shape.ts';
import { silent } from './fixtures.ts';

describe.each(SERVERS)('a middleware in %s', (_name, serve) => {
  test.each(SHAPES)('%s: sees a cancellation by the client', async (shape) => {
    const seen: unknown[] = [];
    const over = deferred();
    const middleware: ServerMiddleware = async function* (call, context) {
      try {
        return yield* call.next(call.request, context);
      } catch (error) {
        seen.push((error as Error).name, error instanceof ServerError, context.signal.aborted);
        throw error;
      } finally {
        over.resolve();
      }
    };
    const arrived = deferred();
    const implementation = { ...shapes, ...silent(arrived.resolve, () => undefined) };
    await using served = await serve(implementation as never, [middleware]);
    const controller = new AbortController();
    const failure = rejection(callShape(served.client, shape, { signal: controller.signal }));
    await arrived.promise;
    controller.abort();
    expect(await failure).toMatchObject({ code: Status.CANCELLED });
    await over.promise;
    expect(seen).toEqual(['AbortError', false, true]);
  });

  test.each(SHAPES)('%s: hands the handler a signal of its own', async (shape) => {
    const arrived = deferred();
    const aborted = deferred();
    const middleware: ServerMiddleware = async function* (call, context) {
      const controller = new AbortController();
      void arrived.promise.then(() => controller.abort());
      return yield* call.next(call.request, { ...context, signal: controller.signal });
    };
    const implementation = { ...shapes, ...silent(arrived.resolve, aborted.resolve) };
    await using served = await serve(implementation as never, [middleware]);
    const error = await rejection(callShape(served.client, shape));
    await aborted.promise;
    expect(error).toMatchObject({ code: Status.CANCELLED });
  });
});
