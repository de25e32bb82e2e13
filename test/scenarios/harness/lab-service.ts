import { setTimeout as delay } from 'node:timers/promises';

import type { LabServiceDefinition } from '../../../generated/inboard/testing/v1/lab.ts';
import {
  type CallContext,
  type Client,
  detached,
  ServerError,
  type ServiceImplementation,
  Status,
} from '../../../src/index.ts';
import type { LabState } from './lab-state.ts';
import { nowMs } from './monotonic.ts';
import type { UnaryMethod } from './specs.ts';

/** Between two messages of a followed stream, in ms. */
const FOLLOW_EVERY_MS = 50;

/** The lab's service as a user of inboard writes it. `next` serves the rest of relayed calls. */
export function labService(
  state: LabState,
  next: Client<LabServiceDefinition> | undefined,
): ServiceImplementation<LabServiceDefinition> {
  const server = state.spec.name;
  const answer = async (method: UnaryMethod): Promise<{ server: string }> => {
    const { delayMs, status } = state.arrived(method);
    if (delayMs > 0) await delay(delayMs);
    if (status !== undefined) throw new ServerError(status, `${server} fails on purpose`);
    return { server };
  };
  return {
    read: () => answer('read'),
    price: () => answer('price'),
    stock: () => answer('stock'),
    write({ id }) {
      state.journal(id);
      return answer('write');
    },

    // Ends by itself once the server drains, and says so in a way that is safe to try again.
    async *follow(_request, { signal, draining }) {
      state.arrived('follow');
      while (!draining.aborted) {
        yield { server };
        await delay(FOLLOW_EVERY_MS, undefined, { signal });
      }
      throw new ServerError(Status.UNAVAILABLE, `${server} is draining`);
    },

    async relay({ id, expiresAtMs, workMs: [ownMs = 0, ...workMs] }, context) {
      const startedMs = nowMs() - expiresAtMs;
      state.arrived('relay');
      try {
        await work(ownMs, context);
      } finally {
        state.relayed(startedMs, nowMs() - expiresAtMs);
      }
      if (next === undefined || workMs.length === 0) return { server };
      const ask = (): Promise<unknown> => next.relay({ id, expiresAtMs, workMs });
      await (state.spec.inherits === false ? detached(ask) : ask());
      return { server };
    },
  };
}

/** Work that stops when nobody waits for it any more. */
async function work(durationMs: number, { signal }: CallContext): Promise<void> {
  await delay(durationMs, undefined, { signal });
}
