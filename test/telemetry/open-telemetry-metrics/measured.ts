import type { MetricData } from '@opentelemetry/sdk-metrics';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';

import type { OpenTelemetryMetricsOptions, Runtime } from '../../../src/index.ts';
import { createRuntime, openTelemetryMetrics } from '../../../src/index.ts';
import { recordingLogger } from '../../../src/testing/index.ts';
import type { LogEntry } from '../../support/harness.ts';

/** Hands out what was measured when it is asked; pushes nothing anywhere. */
class AskedReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** A point of an instrument: its labels and what was counted under them. */
export interface Point {
  readonly labels: Readonly<Record<string, unknown>>;
  /** Of a counter. */
  readonly value?: number;
  /** Of a histogram. */
  readonly count?: number;
  readonly sum?: number;
  readonly boundaries?: readonly number[];
}

export interface Measured {
  readonly provider: MeterProvider;
  metric(name: string): Promise<MetricData | undefined>;
  names(): Promise<string[]>;
  points(name: string): Promise<Point[]>;
}

/** An SDK whose measurements a test can read. */
export function measured(): Measured {
  const reader = new AskedReader();
  const provider = new MeterProvider({ readers: [reader] });
  const all = async (): Promise<MetricData[]> => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  };
  const metric = async (name: string): Promise<MetricData | undefined> =>
    (await all()).find(({ descriptor }) => descriptor.name === name);
  return {
    provider,
    metric,
    names: async () => (await all()).map(({ descriptor }) => descriptor.name).toSorted(),
    points: async (name) =>
      ((await metric(name))?.dataPoints ?? []).map(({ attributes, value }) => ({
        labels: attributes,
        ...(typeof value === 'number'
          ? { value }
          : { count: value.count, sum: value.sum ?? 0, ...boundariesOf(value) }),
      })),
  };
}

function boundariesOf(value: object): { boundaries?: readonly number[] } {
  const { buckets } = value as { buckets?: { boundaries: readonly number[] } };
  return buckets === undefined ? {} : { boundaries: buckets.boundaries };
}

/** A runtime whose calls are measured, in real time. */
export function measuredRuntime(
  options: OpenTelemetryMetricsOptions,
): Runtime & { readonly log: readonly LogEntry[] } {
  const logger = recordingLogger();
  const telemetry = [openTelemetryMetrics(options)];
  const runtime = createRuntime({ logger, telemetry });
  return { ...runtime, log: logger.entries };
}
