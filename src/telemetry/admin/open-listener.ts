import type { AdminOptions } from '../../core/admin.ts';
import type { Clock } from '../../core/clock.ts';
import { isLoopback } from '../../core/address.ts';
import { Guard } from './guard.ts';
import { HttpListener } from './http-server.ts';
import { TryIt } from './invoke/try-it.ts';
import type { PaceOptions } from './pacer.ts';
import { DEFAULT_PACE, Pacer } from './pacer.ts';
import type { AdminParts } from './routes.ts';
import { PROBES, Routes } from './routes.ts';
import type { ComputeOptions } from './shared-result.ts';
import { ComputeBudget, DEFAULT_COMPUTE } from './shared-result.ts';
import { unrefClock } from './unref-clock.ts';

/** An open address. */
export interface OpenListener {
  readonly port: number;
  close(): Promise<void>;
}

/** What tests put in the place of the usual. */
export interface ListenerInternals {
  readonly clock?: Clock;
  readonly pace?: PaceOptions;
  readonly compute?: ComputeOptions;
}

export async function openListener(
  parts: AdminParts,
  host: string,
  port: number,
  options: AdminOptions,
  { clock = unrefClock(), pace = DEFAULT_PACE, compute = DEFAULT_COMPUTE }: ListenerInternals = {},
): Promise<OpenListener> {
  const pacer = new Pacer(clock, pace);
  const probePacer = new Pacer(clock, pace);
  const guard = new Guard({ host, allowedHosts: options.allowedHosts ?? [] });
  const tried = new TryIt(parts.runtime, clock);
  const budget = new ComputeBudget(clock, compute);
  const failed = (error: unknown, path: string): void => {
    parts.runtime.logger.error({ err: error, path }, 'the admin listener could not answer');
  };
  const local = isLoopback(host);
  const routes = new Routes(parts, options, { clock, guard, tried, budget, failed, local });
  const http = new HttpListener({
    clock,
    pacer,
    probePacer,
    probes: PROBES,
    failed,
    answer: (exchange) => routes.answer(exchange),
  });
  const close = async (): Promise<void> => {
    routes.close();
    pacer.close();
    probePacer.close();
    await http.close();
  };
  try {
    return { port: await http.listen(host, port), close };
  } catch (error) {
    routes.close();
    throw error;
  }
}
