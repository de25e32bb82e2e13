import { describe, expect, test } from 'vitest';

import { ClientCall } from '../../src/core/client-call.ts';
import { RejectedError } from '../../src/core/errors.ts';
import { Status } from '../../src/core/status.ts';
import { Bulkhead } from '../../src/policies/bulkhead.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { methodOf, settle } from '../interceptors/layer-call.ts';
import { rejection } from '../support/harness.ts';

const makeCall = (): ClientCall => new ClientCall(methodOf(), testRuntime(), {});

/** Enters with new calls and notes the order in which they get in. */
function queue(bulkhead: Bulkhead, names: readonly string[]) {
  const admitted: string[] = [];
  const calls = names.map((name) => {
    const call = makeCall();
    const failed = bulkhead.enter(call)?.then(
      () => {
        admitted.push(name);
        return undefined;
      },
      (error: unknown) => error,
    );
    return { call, failed };
  });
  return { admitted, calls };
}

describe('Bulkhead', () => {
  test('has as many places as its limit', () => {
    const bulkhead = new Bulkhead({ limit: 2, queue: 0 });
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([
      true,
      true,
      false,
    ]);
    bulkhead.leave();
    expect(bulkhead.inUse).toBe(1);
    expect(bulkhead.enter(makeCall())).toBeUndefined();
  });

  test('refuses at once where nobody may wait', async () => {
    const bulkhead = new Bulkhead({ limit: 1, queue: 0 });
    bulkhead.tryEnter();
    const error = await rejection(Promise.resolve(bulkhead.enter(makeCall())));
    expect(error).toBeInstanceOf(RejectedError);
    expect(error).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: 'bulkhead_full',
      processed: 'no',
      details: 'The bulkhead of /test.Shop/Buy is full: 1 calls run and 0 wait',
    });
  });

  test('lets calls wait in order of arrival, as many as its queue holds', async () => {
    const bulkhead = new Bulkhead({ limit: 1, queue: 3 });
    bulkhead.tryEnter();
    const { admitted, calls } = queue(bulkhead, ['a', 'b', 'c', 'd']);
    expect(await calls[3]?.failed).toMatchObject({ reason: 'bulkhead_full' });
    expect([bulkhead.inUse, bulkhead.queued]).toEqual([1, 3]);
    bulkhead.leave();
    await settle();
    expect(admitted).toEqual(['a']);
    // The place went straight to the first that waited.
    expect(bulkhead.tryEnter()).toBe(false);
    bulkhead.leave();
    bulkhead.leave();
    await settle();
    expect(admitted).toEqual(['a', 'b', 'c']);
    bulkhead.leave();
    expect([bulkhead.inUse, bulkhead.queued]).toEqual([0, 0]);
  });

  test('a call that is cancelled while it waits leaves the queue', async () => {
    const bulkhead = new Bulkhead({ limit: 1, queue: 2 });
    bulkhead.tryEnter();
    const { admitted, calls } = queue(bulkhead, ['a', 'b']);
    calls[0]?.call.cancel({ code: Status.DEADLINE_EXCEEDED, details: 'Too late' });
    expect(await calls[0]?.failed).toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      details: 'Too late, while it waited for a place in its bulkhead',
      processed: 'no',
    });
    expect(bulkhead.queued).toBe(1);
    bulkhead.leave();
    await settle();
    expect(admitted).toEqual(['b']);
    expect(bulkhead.inUse).toBe(1);
  });

  test('a call that is cancelled already does not wait', async () => {
    const bulkhead = new Bulkhead({ limit: 1, queue: 2 });
    bulkhead.tryEnter();
    const call = makeCall();
    call.cancel({ code: Status.CANCELLED, details: 'Gone' });
    expect(await rejection(Promise.resolve(bulkhead.enter(call)))).toMatchObject({
      code: Status.CANCELLED,
    });
    expect(bulkhead.queued).toBe(0);
  });

  test('a higher limit admits those that wait; a lower one waits for those that run', async () => {
    const bulkhead = new Bulkhead({ limit: 1, queue: 5 });
    bulkhead.tryEnter();
    const { admitted } = queue(bulkhead, ['a', 'b', 'c']);
    bulkhead.configure({ limit: 3, queue: 5 });
    await settle();
    expect(admitted).toEqual(['a', 'b']);
    bulkhead.configure({ limit: 1, queue: 5 });
    bulkhead.leave();
    bulkhead.leave();
    await settle();
    expect(admitted).toEqual(['a', 'b']);
    bulkhead.leave();
    await settle();
    expect(admitted).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['limit', 0, 'bulkhead.limit is 0: give a whole number of 1 or more'],
    ['limit', 1.5, 'bulkhead.limit is 1.5: give a whole number of 1 or more'],
    ['queue', -1, 'bulkhead.queue is -1: give a whole number of 0 or more'],
  ])('refuses %s = %d', (key, value, message) => {
    const wrong = { limit: 1, queue: 0, [key]: value };
    expect(() => new Bulkhead(wrong)).toThrow(message);
    const bulkhead = new Bulkhead({ limit: 1, queue: 0 });
    expect(() => bulkhead.configure(wrong)).toThrow(message);
  });
});
