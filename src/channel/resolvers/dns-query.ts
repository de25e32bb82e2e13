import { Resolver } from 'node:dns/promises';

import type { Clock, Timer } from '../../core/clock.ts';

/** How long an answer is listened for, in ms; a question that takes longer has failed by then. */
const ANSWER_MS = 15_000;

/** Silence after which the question is sent again, in ms; the second time after twice as long. */
const RESEND_MS = 1_000;

/** How often a question is sent at most, where there are not more servers than that. */
const SENDS = 3;

/** A question on its way. */
export interface Query<T> {
  readonly answer: Promise<T>;
  /** The answer is no longer wanted: it rejects with the code ECANCELLED, where it is open yet. */
  cancel(): void;
}

/**
 * Asks one server after the other, for as long as none answers, and still listens to those asked
 * before: c-ares on its own drops a question when it sends it again, and so never hears a server
 * that takes longer than its timeout. The first answer counts, "there is none" included; a server
 * that fails is no answer while there are others.
 */
export function query<T>(
  clock: Clock,
  servers: readonly string[],
  ask: (resolver: Resolver) => Promise<T>,
): Query<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const open = new Set<Resolver>();
  const sends = Math.max(SENDS, servers.length);
  let sent = 0;
  let timer: Timer | undefined;
  const cancel = (): void => {
    timer?.clear();
    sent = sends;
    for (const resolver of open) resolver.cancel();
  };
  const failed = (resolver: Resolver, error: unknown): void => {
    open.delete(resolver);
    if (!hasNone(error) && sent < servers.length) send();
    else if (hasNone(error) || open.size === 0) {
      cancel();
      reject(error);
    }
  };
  const send = (): void => {
    timer?.clear();
    const resolver = new Resolver({ timeout: ANSWER_MS, tries: 1 });
    resolver.setServers([servers[sent++ % servers.length] as string]);
    open.add(resolver);
    ask(resolver).then(
      (answer) => {
        open.delete(resolver);
        cancel();
        resolve(answer);
      },
      (error: unknown) => failed(resolver, error),
    );
    if (sent < sends) timer = clock.setTimer(clock.now() + sent * RESEND_MS, send);
  };
  send();
  return { answer: promise, cancel };
}

/** True for the answer that a name, or such a record of it, does not exist: no failure to ask. */
export function hasNone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}
