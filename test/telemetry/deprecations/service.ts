// oxlint-disable typescript/no-deprecated -- what is deprecated is what is tested here
import { DeprecationsServiceDefinition } from '../../../generated/inboard/testing/v1/deprecations.ts';
import type { Runtime, ServiceImplementation } from '../../../src/index.ts';
import { createRuntime } from '../../../src/index.ts';
import type { TestPair, TestPairOptions } from '../../../src/testing/index.ts';
import { inMemoryTransport, recordingLogger, testPair } from '../../../src/testing/index.ts';
import { metricsIn, scrape } from '../metrics/exposition.ts';

export type Deprecations = typeof DeprecationsServiceDefinition;
export type DeprecationsPair = TestPair<Deprecations, Runtime>;

export const SERVICE = 'inboard.testing.v1.DeprecationsService';

/** Reads what it is sent, and answers as little as may be. */
export const deprecations: ServiceImplementation<Deprecations> = {
  put: () => ({}),
  putOld: () => ({}),
  async upload(requests) {
    let count = 0;
    for await (const _ of requests) count++;
    return { count };
  },
  async *watch({ name }) {
    yield { name };
  },
  async *chat(requests) {
    for await (const { name } of requests) yield { name };
  },
  plain: () => ({}),
};

/** A pair in memory and in real time, unless told else; its server and client are one process. */
export function startDeprecations(
  options: TestPairOptions<Deprecations, Runtime> = {},
  overrides: Partial<ServiceImplementation<Deprecations>> = {},
): Promise<DeprecationsPair> {
  const runtime = options.runtime ?? createRuntime({ logger: recordingLogger() });
  const transport = options.transport ?? inMemoryTransport();
  const implementation = { ...deprecations, ...overrides };
  return testPair(DeprecationsServiceDefinition, implementation, {
    ...options,
    runtime,
    transport,
  });
}

/** What was counted, as `Method[ field] caller`, without the service's name and package. */
export async function usesIn(runtime: Runtime): Promise<Readonly<Record<string, number>>> {
  const { series } = await scrape(runtime);
  const found: Record<string, number> = {};
  for (const [key, value] of series) {
    const [, method = '', field = '', caller = ''] =
      /^inboard_deprecated_use_total\{method="(.*?)",field="(.*?)",caller="(.*)"\}$/.exec(key) ??
      [];
    if (method === '') continue;
    const name = `${method.replace(`${SERVICE}/`, '')} ${field.replace('inboard.testing.v1.', '')}`;
    found[`${name.trim()} ${caller}`] = value;
  }
  return found;
}

/** All that is deprecated of what is served, as `Method[ field]`. */
export function partsIn(runtime: Runtime): readonly string[] {
  return [...metricsIn(runtime).deprecated.parts()].map(({ method, field }) =>
    `${method} ${field}`.trim(),
  );
}
