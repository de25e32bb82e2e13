import { createRequire } from 'node:module';

import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { GrpcInstrumentation } from '@opentelemetry/instrumentation-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/**
 * Registers an SDK as a program would that sends its spans to a collector, with
 * `@opentelemetry/instrumentation-grpc` where told. Returns what sends the rest.
 */
export function registerOtlp(
  service: string,
  collectorPort: number,
  instrumentation: boolean,
): () => Promise<void> {
  const exporter = new OTLPTraceExporter({ url: `http://127.0.0.1:${collectorPort}` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  if (instrumentation) {
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    registerInstrumentations({ instrumentations: [new GrpcInstrumentation()] });
    // It patches what is loaded through `require`, whose classes ES modules see, too.
    createRequire(import.meta.url)('@grpc/grpc-js');
  }
  return () => provider.shutdown();
}
