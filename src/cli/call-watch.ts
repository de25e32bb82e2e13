import type { DescMethod } from '@bufbuild/protobuf';

import type { CallOptions, ClientInterceptors, Metadata } from '../index.ts';
import { Status } from '../index.ts';
import { note } from './output.ts';

/** Tells on stderr how a call goes, for `--verbose`. */
export class CallWatch {
  private readonly verbose: boolean;
  private attempts = 0;

  constructor(verbose: boolean) {
    this.verbose = verbose;
  }

  /** What is about to be sent. */
  sent(method: DescMethod, target: string, metadata: Metadata): void {
    if (!this.verbose) return;
    note(`* ${method.parent.typeName}/${method.name} at ${target}`);
    tell('>', metadata);
  }

  get callOptions(): Pick<CallOptions, 'onHeader' | 'onTrailer'> {
    if (!this.verbose) return {};
    return {
      onHeader: (header) => tell('< header', header),
      onTrailer: (trailer) => tell('< trailer', trailer),
    };
  }

  /** Layers that see the call, and each attempt of it. */
  get interceptors(): ClientInterceptors {
    if (!this.verbose) return {};
    return {
      perCall: [
        (next) => (call) => {
          const since = performance.now();
          call.onEnd(({ code }) => {
            const attempts = this.attempts === 1 ? '1 attempt' : `${this.attempts} attempts`;
            note(`* ${Status[code]} after ${elapsed(since)}, ${attempts}`);
          });
          return next(call);
        },
      ],
      perAttempt: [
        (next) => (call) => {
          const since = performance.now();
          const number = ++this.attempts;
          call.onEnd(({ code }) => {
            const where = call.endpoint ?? 'no endpoint';
            note(`* attempt ${number}: ${where}, ${Status[code]} after ${elapsed(since)}`);
          });
          return next(call);
        },
      ],
    };
  }
}

function elapsed(since: number): string {
  return `${(performance.now() - since).toFixed(1)} ms`;
}

function tell(mark: string, metadata: Metadata): void {
  for (const [name, values] of metadata) {
    for (const value of values) {
      const text = typeof value === 'string' ? value : Buffer.from(value).toString('base64');
      note(`${mark} ${name}: ${text}`);
    }
  }
}
