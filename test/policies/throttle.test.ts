import { describe, expect, test } from 'vitest';

import { DEFAULT_THROTTLE } from '../../src/policies/policy.ts';
import { AdaptiveThrottle } from '../../src/policies/throttle.ts';
import { ManualClock, seededRandom } from '../../src/testing/index.ts';

interface Outcome {
  /** Calls that reached the server. */
  sent: number;
  refused: number;
}

/** Makes calls, one a ms, to a server that accepts the first `capacity` of each ten. */
function load(throttle: AdaptiveThrottle, clock: ManualClock, calls: number, capacity: number) {
  const outcome: Outcome = { sent: 0, refused: 0 };
  for (let call = 0; call < calls; call++) {
    clock.advance(1);
    if (!throttle.allow()) {
      outcome.refused++;
      continue;
    }
    if (outcome.sent++ % 10 < capacity) throttle.onAccepted();
    else throttle.onRejected();
  }
  return outcome;
}

function make(policy = DEFAULT_THROTTLE) {
  const clock = new ManualClock();
  return { clock, throttle: new AdaptiveThrottle(policy, clock, seededRandom(2)) };
}

describe('AdaptiveThrottle', () => {
  test('refuses nothing while the server accepts at least half', () => {
    const { throttle, clock } = make();
    expect(load(throttle, clock, 5_000, 10)).toEqual({ sent: 5_000, refused: 0 });
    expect(load(throttle, clock, 5_000, 5).refused).toBe(0);
  });

  test('a server that accepts nothing gets a tenth of the calls', () => {
    const { throttle, clock } = make();
    load(throttle, clock, 1_000, 0);
    const { sent } = load(throttle, clock, 10_000, 0);
    expect(sent).toBeGreaterThan(900);
    expect(sent).toBeLessThan(1_100);
    expect(throttle.probability).toBe(0.9);
  });

  test('sends about twice what a server accepts', () => {
    const { throttle, clock } = make();
    let accepted = 0;
    let sent = 0;
    const count = 100_000;
    for (let call = 0; call < count; call++) {
      clock.advance(1);
      if (!throttle.allow()) continue;
      sent++;
      // A server with room for 100 calls a second.
      if (accepted < clock.now() / 10) {
        accepted++;
        throttle.onAccepted();
      } else {
        throttle.onRejected();
      }
    }
    expect(sent / accepted).toBeGreaterThan(1.8);
    expect(sent / accepted).toBeLessThan(2.2);
  });

  test('lets all through again within two windows of the end of a long outage', () => {
    const { throttle, clock } = make({ k: 2, windowMs: 10_000 });
    load(throttle, clock, 60_000, 0);
    expect(load(throttle, clock, 1_000, 10).refused).toBeGreaterThan(800);
    load(throttle, clock, 19_000, 10);
    expect(load(throttle, clock, 1_000, 10).refused).toBe(0);
  });

  test('one rejection of a server that is rarely called is not answered with refusals', () => {
    const { throttle } = make();
    throttle.onRejected();
    expect(throttle.probability).toBeLessThan(0.12);
  });

  test('forgets after its window', () => {
    const { throttle, clock } = make();
    for (let n = 0; n < 100; n++) throttle.onRejected();
    expect(throttle.probability).toBe(0.9);
    clock.advance(120_000);
    expect(throttle.probability).toBe(0);
  });

  test('another policy keeps the counts', () => {
    const { throttle } = make();
    for (let n = 0; n < 100; n++) throttle.onAccepted();
    for (let n = 0; n < 100; n++) throttle.onRejected();
    expect(throttle.probability).toBe(0);
    throttle.configure({ k: 1.5, windowMs: 60_000 });
    expect(throttle.probability).toBeCloseTo(50 / 208);
  });

  test.each([
    ['k', 0.9, 'throttle.k is 0.9: give a number of 1 or more'],
    ['windowMs', 0, 'throttle.windowMs is 0: give a number of 100 or more'],
  ])('refuses %s = %d', (key, value, message) => {
    const wrong = { ...DEFAULT_THROTTLE, [key]: value };
    expect(() => make(wrong)).toThrow(message);
    const { throttle } = make();
    expect(() => throttle.configure(wrong)).toThrow(message);
  });
});
