import { expect, test } from 'vitest';

import { WaitingCalls } from '../../src/channel/waiting-calls.ts';
import { ClientCall } from '../../src/core/client-call.ts';
import { Status } from '../../src/core/status.ts';
import { testRuntime } from '../../src/testing/index.ts';
import { rejection } from '../support/harness.ts';
import { methodOf } from './memory-fleet.ts';

function makeCall(): ClientCall {
  return new ClientCall(methodOf('unary'), testRuntime(), {});
}

test('a call is sent once though the look that sends it finds an endpoint gone', async () => {
  const waiting = new WaitingCalls();
  let open = false;
  let sent = 0;
  const answer = waiting.wait(makeCall(), () => {
    if (!open) return undefined;
    // What finds an endpoint gone wakes all that wait, the call that is being sent among them.
    if (sent === 0) waiting.wake();
    return { sent: Promise.resolve(++sent) };
  });
  open = true;
  waiting.wake();
  expect(await answer).toBe(1);
  expect([sent, waiting.size]).toEqual([1, 0]);
});

test('a call that another one’s look has sent is not sent again', async () => {
  const waiting = new WaitingCalls();
  let open = false;
  const sent: string[] = [];
  const answers = ['first', 'second'].map((name) =>
    waiting.wait(makeCall(), () => {
      if (!open) return undefined;
      if (sent.length === 0 && name === 'first') waiting.wake();
      sent.push(name);
      return { sent: Promise.resolve(name) };
    }),
  );
  open = true;
  waiting.wake();
  expect(await Promise.all(answers)).toEqual(['first', 'second']);
  expect(sent).toEqual(['second', 'first']);
});

test('what changes during a look that finds nothing is looked at', async () => {
  const waiting = new WaitingCalls();
  let looks = 0;
  const answer = waiting.wait(makeCall(), () => {
    looks++;
    if (looks > 1) return { sent: Promise.resolve('sent') };
    waiting.wake();
    return undefined;
  });
  expect(await answer).toBe('sent');
  expect(looks).toBe(2);
});

test('a call that is over already waits for nothing', async () => {
  const waiting = new WaitingCalls();
  const call = makeCall();
  call.cancel({ code: Status.CANCELLED, details: 'left' });
  let looks = 0;
  const answer = waiting.wait(call, () => {
    looks++;
    return { failed: { code: Status.CANCELLED, details: 'left' } };
  });
  expect(await rejection(answer)).toMatchObject({ code: Status.CANCELLED, processed: 'no' });
  expect([looks, waiting.size]).toEqual([1, 0]);
});
