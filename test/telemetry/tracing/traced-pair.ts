import { afterEach, beforeEach, expect } from 'vitest';

import type { RuntimeOptions } from '../../../src/index.ts';
import { createRuntime } from '../../../src/index.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import type { Pair, PairOptions, ShapesImplementation } from '../../support/harness.ts';
import { startPair } from '../../support/harness.ts';
import type { SdkOptions, SpanRecorder } from './recorded-spans.ts';
import { registerSdk } from './recorded-spans.ts';

export const SERVICE = 'inboard.testing.v1.ShapesService';
export const UNARY: string = `${SERVICE}/Unary`;

export type Tracing = NonNullable<RuntimeOptions['tracing']>;

/** An SDK that is registered for each test of a file, and what it records. */
export interface TestSdk {
  readonly spans: SpanRecorder;
  /** Another one, in place of the one before. */
  register(options?: SdkOptions): void;
  unregister(): void;
  /** Server spans end when the server knows, which is a little after the client does. */
  settled(count: number): Promise<void>;
}

export function useSdk(): TestSdk {
  let now: ReturnType<typeof registerSdk> | undefined;
  const sdk: TestSdk = {
    get spans() {
      if (now === undefined) throw new Error('no SDK is registered outside of a test');
      return now.spans;
    },
    register(options = {}) {
      now?.stop();
      now = registerSdk(options);
    },
    unregister: () => now?.stop(),
    async settled(count) {
      await expect.poll(() => sdk.spans.ended.length).toBeGreaterThanOrEqual(count);
    },
  };
  beforeEach(() => sdk.register());
  afterEach(() => sdk.unregister());
  return sdk;
}

/** A pair of the shapes that is traced, and nothing else. */
export function tracedPair(
  overrides: Partial<ShapesImplementation> = {},
  options: PairOptions = {},
  tracing: Tracing = {},
): Promise<Pair> {
  const logger = recordingLogger();
  const runtime = createRuntime({ logger, metrics: false, tracing });
  return startPair(overrides, { ...options, runtime: { ...runtime, log: logger.entries } });
}

/** A runtime that traces nothing, for a peer. */
export function untraced(): ReturnType<typeof createRuntime> {
  return createRuntime({ tracing: false, metrics: false });
}
