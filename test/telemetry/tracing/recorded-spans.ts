import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import type { ReadableSpan, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace';
import { TracerProvider } from '@opentelemetry/sdk-trace';

/** Keeps every span that starts and counts how often each one ends. */
export class SpanRecorder implements SpanProcessor {
  readonly started: ReadableSpan[] = [];
  readonly ended: ReadableSpan[] = [];

  onStart(span: ReadableSpan): void {
    this.started.push(span);
  }

  onEnd(span: ReadableSpan): void {
    this.ended.push(span);
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }

  clear(): void {
    this.started.length = 0;
    this.ended.length = 0;
  }

  /** Those that have ended, of one kind. */
  of(kind: keyof typeof SpanKind): ReadableSpan[] {
    return this.ended.filter((span) => span.kind === SpanKind[kind]);
  }

  /** Spans that have ended never, or more than once: none, once all calls are over. */
  get notEndedOnce(): string[] {
    const times = (span: ReadableSpan): number => this.ended.filter((one) => one === span).length;
    return this.started.filter((span) => times(span) !== 1).map(({ name }) => name);
  }
}

export interface SdkOptions {
  /** Default the SDK's own: everything that has no unsampled parent. */
  readonly sampler?: Sampler;
  /** Whether contexts are kept across promises. Default true. */
  readonly contextManager?: boolean;
}

/** Registers an SDK for the process, and returns what it records. `stop` takes it back. */
export function registerSdk(options: SdkOptions = {}): { spans: SpanRecorder; stop: () => void } {
  const spans = new SpanRecorder();
  const { sampler, contextManager = true } = options;
  const provider = new TracerProvider({
    spanProcessors: [spans],
    ...(sampler === undefined ? {} : { sampler }),
  });
  trace.setGlobalTracerProvider(provider);
  if (contextManager) {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }
  const stop = (): void => {
    trace.disable();
    context.disable();
    propagation.disable();
  };
  return { spans, stop };
}

/** How spans hang together, by name: each with its children, in the order in which they began. */
export interface Tree {
  readonly [name: string]: readonly Tree[];
}

export function treeOf(spans: readonly ReadableSpan[]): Tree[] {
  const childrenOf = (parent: string | undefined): Tree[] =>
    spans
      .filter((span) => span.parentSpanContext?.spanId === parent)
      .map((span) => ({
        [`${SpanKind[span.kind]} ${span.name}`]: childrenOf(span.spanContext().spanId),
      }));
  return childrenOf(undefined);
}
