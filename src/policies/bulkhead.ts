import type { Call } from '../core/call.ts';
import { RejectedError, RpcError } from '../core/errors.ts';
import { Status } from '../core/status.ts';
import { checkWhole } from '../core/checks.ts';
import type { BulkheadPolicy } from './policy.ts';

/**
 * Lets so many calls run at a time, so that one slow method cannot take what all the others need.
 * More may wait, first come first served, until a place is free or their call is cancelled.
 */
export class Bulkhead {
  private policy: BulkheadPolicy;
  private running = 0;
  /** In order of arrival. */
  private readonly waiting = new Set<() => void>();

  constructor(policy: BulkheadPolicy) {
    checkBulkhead('bulkhead', policy);
    this.policy = policy;
  }

  /** Takes another policy. Calls that run or wait do so on, whatever the new limits. */
  configure(policy: BulkheadPolicy): void {
    checkBulkhead('bulkhead', policy);
    this.policy = policy;
    this.admitWaiting();
  }

  /** Takes a place; false where none is free. */
  tryEnter(): boolean {
    if (this.running >= this.policy.limit) return false;
    this.running++;
    return true;
  }

  /**
   * Takes a place, at once (undefined) or after a wait. Rejects with a `RejectedError` where too
   * many wait already, and with the call's own end, as an `RpcError`, when that comes first.
   * Whoever got a place leaves it, once.
   */
  enter(call: Call): Promise<void> | undefined {
    if (this.tryEnter()) return undefined;
    if (this.waiting.size >= this.policy.queue) return Promise.reject(this.full(call));
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        forget();
        resolve();
      };
      this.waiting.add(admit);
      const forget = call.onCancel((status) => {
        this.waiting.delete(admit);
        const details = `${status.details}, while it waited for a place in its bulkhead`;
        reject(new RpcError(call.method.path, { ...status, details, processed: 'no' }));
      });
    });
  }

  leave(): void {
    this.running--;
    this.admitWaiting();
  }

  /** Calls that hold a place. */
  get inUse(): number {
    return this.running;
  }

  /** Calls that wait for one. */
  get queued(): number {
    return this.waiting.size;
  }

  private admitWaiting(): void {
    for (const admit of this.waiting) {
      if (this.running >= this.policy.limit) return;
      this.waiting.delete(admit);
      this.running++;
      admit();
    }
  }

  private full(call: Call): RejectedError {
    const { path } = call.method;
    const details =
      `The bulkhead of ${path} is full: ` +
      `${this.running} calls run and ${this.waiting.size} wait`;
    return new RejectedError(path, 'bulkhead_full', { code: Status.RESOURCE_EXHAUSTED, details });
  }
}

/** Refuses numbers that make no bulkhead. */
export function checkBulkhead(key: string, policy: BulkheadPolicy): void {
  checkWhole(`${key}.limit`, policy.limit, 1);
  checkWhole(`${key}.queue`, policy.queue, 0);
}
