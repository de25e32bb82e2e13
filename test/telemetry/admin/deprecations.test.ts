// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { describe, expect, test } from 'vitest';

import { createAdmin, createRuntime, createServer } from '../../../src/index.ts';
import type { DeprecationReport } from '../../../src/telemetry/deprecations/report.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import { SERVICE, startDeprecations } from '../deprecations/service.ts';
import type { Answer } from './support.ts';
import { ask, bodyOf } from './support.ts';

function reportIn(answer: Answer): DeprecationReport {
  expect(answer.status).toBe(200);
  return bodyOf(answer) as DeprecationReport;
}

describe('/deprecations', () => {
  test('has all that is deprecated, who uses it, how often and when last', async () => {
    const beforeMs = Date.now();
    const runtime = createRuntime({ service: 'checkout', logger: recordingLogger() });
    await using pair = await startDeprecations({ runtime });
    const admin = await pair.server.admin.listen(':0');
    await pair.client.putOld({}, { metadata: { 'x-inboard-caller': 'basket' } });
    await pair.client.putOld({});
    const midMs = Date.now();
    await pair.client.putOld({});
    const { inboard, since, deprecated } = reportIn(await ask(admin, '/deprecations'));
    expect(inboard).toMatch(/^\d+\.\d+\.\d+/);
    expect(Date.parse(since)).toBeGreaterThanOrEqual(beforeMs);
    expect(deprecated).toHaveLength(19);
    const used = deprecated.filter(({ uses }) => uses.length > 0);
    expect(used).toMatchObject([
      {
        method: `${SERVICE}/PutOld`,
        field: '',
        uses: [
          { caller: 'checkout', calls: 2 },
          { caller: 'basket', calls: 1 },
        ],
      },
    ]);
    const [last = '', first = ''] = used[0]?.uses.map(({ lastAt }) => lastAt) ?? [];
    // Two clocks, of which one has fractions of a ms, do not agree to the ms.
    expect(Date.parse(last)).toBeGreaterThanOrEqual(midMs - 2);
    expect(Date.parse(last)).toBeLessThanOrEqual(Date.now() + 2);
    expect(Date.parse(first)).toBeLessThanOrEqual(midMs + 2);
  });

  test('is empty where nothing is, and no answer where nobody counts', async () => {
    const logger = recordingLogger();
    await using server = createServer({ runtime: createRuntime({ logger }) });
    const empty = await ask(await server.admin.listen(':0'), '/deprecations');
    expect(reportIn(empty).deprecated).toEqual([]);
    await using blind = createAdmin({ runtime: createRuntime({ logger, metrics: false }) });
    const answer = await ask(await blind.listen(':0'), '/deprecations');
    expect(answer.status).toBe(503);
    expect(answer.body).toContain('the runtime was made with { metrics: false }');
  });
});
