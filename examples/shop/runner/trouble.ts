import {
  type Handler,
  type Interceptor,
  type Payload,
  type ServerCall,
  ServerError,
  Status,
} from '../../../src/index.ts';

/** How a server is ill. */
export interface Trouble {
  /** Share of the calls that fail with UNAVAILABLE, per cent; every other one after its work. */
  readonly failPercent: number;
  /** How long the others are held up, in ms. */
  readonly delayMs: number;
}

/** Makes a server slow and failing, on demand: a server interceptor that is told so over IPC. */
export class Troublemaker {
  trouble: Trouble | undefined = undefined;
  /** Calls that it has made fail, and calls that it has held up. */
  readonly struck = { failed: 0, slowed: 0 };

  /** For the server's slot `beforeHandler`. */
  readonly server: Interceptor<ServerCall> = (next) => (call) => {
    const { trouble } = this;
    return trouble === undefined ? next(call) : this.strike(trouble, call, next);
  };

  private async strike(
    { failPercent, delayMs }: Trouble,
    call: ServerCall,
    next: Handler<ServerCall>,
  ): Promise<Payload> {
    if (Math.random() * 100 >= failPercent) {
      this.struck.slowed += 1;
      await pause(call, delayMs);
      return next(call);
    }
    this.struck.failed += 1;
    // The worst of failures: the work is done, and its answer is lost.
    if (this.struck.failed % 2 === 0 && !call.method.responseStream) await next(call);
    throw new ServerError(Status.UNAVAILABLE, 'Fails on purpose');
  }
}

/** Over at once when the call is: nobody waits any more then. */
function pause(call: ServerCall, delayMs: number): Promise<void> {
  const { clock } = call.runtime;
  return new Promise((resolve) => {
    const timer = clock.setTimer(clock.now() + delayMs, resolve);
    call.onEnd(() => {
      timer.clear();
      resolve();
    });
  });
}
