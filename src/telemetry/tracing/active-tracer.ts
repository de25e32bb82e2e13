import type { Tracer, TracerProvider } from '@opentelemetry/api';
import { trace } from '@opentelemetry/api';

import { VERSION } from '../../core/version.ts';

/** The API's own stand-in until an SDK is registered, which may be at any time. */
interface ProxyProvider extends TracerProvider {
  getDelegate(): TracerProvider;
  getDelegateTracer(name: string, version?: string): Tracer | undefined;
}

/** Finds the tracer of whatever SDK is registered: about 10 ns where it is still the same one. */
export class ActiveTracer {
  private provider: TracerProvider | undefined = undefined;
  private tracer: Tracer | undefined = undefined;

  /** Undefined where no SDK is registered: nothing is recorded then. */
  get(): Tracer | undefined {
    const registered = trace.getTracerProvider();
    const provider = isProxy(registered) ? registered.getDelegate() : registered;
    if (provider !== this.provider) {
      this.provider = provider;
      this.tracer = isProxy(registered)
        ? registered.getDelegateTracer('inboard', VERSION)
        : registered.getTracer('inboard', VERSION);
    }
    return this.tracer;
  }
}

function isProxy(provider: TracerProvider): provider is ProxyProvider {
  return 'getDelegate' in provider && 'getDelegateTracer' in provider;
}
