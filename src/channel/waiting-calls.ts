import { AsyncLocalStorage } from 'node:async_hooks';

import type { ClientCall } from '../core/client-call.ts';
import { RpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';

/** What came of another look: the call goes, has failed, or (undefined) waits on. */
export type Look =
  | { readonly sent: Promise<Payload> }
  | { readonly failed: CallStatus }
  | undefined;

/** Calls for which no endpoint is ready. */
export class WaitingCalls {
  private readonly checks = new Set<() => void>();

  get size(): number {
    return this.checks.size;
  }

  /**
   * Looks at once, at each `wake`, and when the call is cancelled: always in the context of the
   * call, whoever wakes it, for a look may send it, and its request may be a generator of the user's.
   */
  wait(call: ClientCall, look: () => Look): Promise<Payload> {
    const inContext = AsyncLocalStorage.snapshot();
    return new Promise((resolve, reject) => {
      let unsubscribe = (): void => undefined;
      const once = onceAtATime(() => inContext(look));
      const check = (): void => {
        // A wake may come from inside of another one, and finish what that one still has to visit.
        if (!this.checks.has(check)) return;
        const found = once();
        if (found === undefined) return;
        unsubscribe();
        this.checks.delete(check);
        if ('sent' in found) resolve(found.sent);
        else reject(refusal(call, found.failed));
      };
      this.checks.add(check);
      unsubscribe = call.onCancel(check);
      check();
    });
  }

  /** Something changed that calls may wait for. */
  wake(): void {
    for (const check of [...this.checks]) check();
  }
}

/**
 * A look may find out that an endpoint is gone, and so wake the very call it is taken for. That
 * call is sent by the look under way, or by the one that follows it: never by both.
 */
function onceAtATime(look: () => Look): () => Look {
  let looking = false;
  let again = false;
  return () => {
    again = true;
    if (looking) return undefined;
    looking = true;
    let found: Look;
    try {
      while (again && found === undefined) {
        again = false;
        found = look();
      }
    } finally {
      looking = false;
    }
    return found;
  };
}

/** The error of a call that was never sent. */
export function refusal(call: ClientCall, status: CallStatus): RpcError {
  if (status instanceof RpcError) return status;
  return new RpcError(call.method.path, { processed: 'no', ...status });
}
