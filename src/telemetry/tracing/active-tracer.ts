import type { Tracer, TracerProvider } from '@opentelemetry/api';
import { trace } from '@opentelemetry/api';

import type { CallRuntime } from '../../core/call-runtime.ts';
import { VERSION } from '../../core/version.ts';
import type { FaultLog } from '../fault-log.ts';

/** The API's own stand-in until an SDK is registered, which may be at any time. */
interface ProxyProvider extends TracerProvider {
  getDelegate(): TracerProvider;
  getDelegateTracer(name: string, version?: string): Tracer | undefined;
}

/** Finds the tracer of whatever SDK is registered: about 10 ns where it is still the same one. */
export class ActiveTracer {
  private readonly faults: FaultLog;
  private provider: TracerProvider | undefined = undefined;
  private tracer: Tracer | undefined = undefined;

  constructor(faults: FaultLog) {
    this.faults = faults;
  }

  /**
   * Undefined where no SDK is registered: nothing is recorded then. So it is where the provider
   * throws; it is asked again at the next call.
   */
  get(runtime: CallRuntime): Tracer | undefined {
    try {
      const registered = trace.getTracerProvider();
      const provider = isProxy(registered) ? registered.getDelegate() : registered;
      if (provider !== this.provider) {
        this.tracer = isProxy(registered)
          ? registered.getDelegateTracer('inboard', VERSION)
          : registered.getTracer('inboard', VERSION);
        this.provider = provider;
      }
      return this.tracer;
    } catch (error) {
      this.faults.tell(error, runtime);
      return undefined;
    }
  }
}

function isProxy(provider: TracerProvider): provider is ProxyProvider {
  return 'getDelegate' in provider && 'getDelegateTracer' in provider;
}
