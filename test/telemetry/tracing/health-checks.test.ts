import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, TracingOptions } from '../../../src/index.ts';
import { createClient, createRuntime, HealthDefinition, TRACE } from '../../../src/index.ts';
import { tracedPair, UNARY, useSdk } from './traced-pair.ts';

const sdk = useSdk();

/** Names of the spans of a health check and of a call after it, and whether the first was traced. */
async function spansOf(tracing: TracingOptions): Promise<{ names: string[]; traced: boolean }> {
  await using pair = await tracedPair({}, { server: { health: true } }, tracing);
  const runtime = createRuntime({ metrics: false, tracing });
  let traced = false;
  const look: Interceptor<ClientCall> = (next) => (call) => {
    traced = call.get(TRACE) !== undefined;
    return next(call);
  };
  const interceptors = { perCall: [look] };
  await using health = createClient(HealthDefinition, pair.target, { runtime, interceptors });
  await health.check({});
  await pair.client.unary({});
  await sdk.settled(tracing.healthChecks === true ? 6 : 3);
  return { names: sdk.spans.started.map(({ name }) => name), traced };
}

describe('health checks', () => {
  test('have no spans, on neither side, unless asked for', async () => {
    expect(await spansOf({})).toEqual({
      names: [UNARY, `${UNARY} attempt`, UNARY],
      traced: false,
    });
  });

  test('have those of any call where asked for', async () => {
    const check = 'grpc.health.v1.Health/Check';
    const { names, traced } = await spansOf({ healthChecks: true });
    expect(names.slice(0, 3)).toEqual([check, `${check} attempt`, check]);
    expect(traced).toBe(true);
  });
});
