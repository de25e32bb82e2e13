import type { ExportTraceServiceRequest } from '../../../generated/opentelemetry/proto/collector/trace/v1/trace_service.ts';
import { TraceServiceDefinition } from '../../../generated/opentelemetry/proto/collector/trace/v1/trace_service.ts';
import type { KeyValue } from '../../../generated/opentelemetry/proto/common/v1/common.ts';
import type { Span } from '../../../generated/opentelemetry/proto/trace/v1/trace.ts';
import {
  Span_SpanKind,
  Status_StatusCode,
} from '../../../generated/opentelemetry/proto/trace/v1/trace.ts';
import type { Server } from '../../../src/index.ts';
import { createRuntime, createServer } from '../../../src/index.ts';

/** A span as a process has exported it. */
export interface CollectedSpan {
  /** `service.name` of the process. */
  readonly service: string;
  /** What has made it: the tracer's name. */
  readonly scope: string;
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty at the root. */
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly error: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A span with those below it: `KIND service name`, and ` ERROR` behind it. */
export type CollectedTree = readonly [span: string, ...below: CollectedTree[]];

/**
 * An OTLP receiver, written on inboard from OTLP's own contract: `TraceService/Export` on a port
 * of its own. It keeps what is exported.
 */
export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly port: number;
  private readonly server: Server;

  private constructor(server: Server, port: number) {
    this.server = server;
    this.port = port;
  }

  static async start(): Promise<Collector> {
    const runtime = createRuntime({ tracing: false, metrics: false });
    const server = createServer({ runtime });
    const kept: { collector?: Collector } = {};
    server.add(TraceServiceDefinition, {
      export: async (request) => {
        kept.collector?.spans.push(...spansOf(request));
        return {};
      },
    });
    const { port } = await server.listen('127.0.0.1:0');
    kept.collector = new Collector(server, port);
    return kept.collector;
  }

  /** How the spans hang together, in the order in which they began. */
  trees(): CollectedTree[] {
    const ids = new Set(this.spans.map(({ spanId }) => spanId));
    return this.below((span) => !ids.has(span.parentSpanId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  private below(wanted: (span: CollectedSpan) => boolean): CollectedTree[] {
    return this.spans
      .filter(wanted)
      .toSorted((a, b) => Number(a.startNs - b.startNs))
      .map(({ kind, service, name, error, spanId }) => [
        `${kind} ${service} ${name}${error ? ' ERROR' : ''}`,
        ...this.below((span) => span.parentSpanId === spanId),
      ]);
  }
}

function spansOf({ resourceSpans }: ExportTraceServiceRequest): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(record(resource?.attributes ?? [])['service.name']);
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => collected(span, service, scope?.name ?? '')),
    );
  });
}

function collected(span: Span, service: string, scope: string): CollectedSpan {
  const kinds = Object.entries(Span_SpanKind);
  return {
    service,
    scope,
    name: span.name,
    kind: kinds.find(([, kind]) => kind === span.kind)?.[0] ?? String(span.kind),
    traceId: Buffer.from(span.traceId).toString('hex'),
    spanId: Buffer.from(span.spanId).toString('hex'),
    parentSpanId: Buffer.from(span.parentSpanId).toString('hex'),
    startNs: span.startTimeUnixNano,
    error: span.status?.code === Status_StatusCode.ERROR,
    attributes: record(span.attributes),
  };
}

function record(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value?.value?.value]));
}
