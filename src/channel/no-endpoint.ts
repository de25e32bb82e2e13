import type { CallStatus } from '../core/status.ts';
import { Status } from '../core/status.ts';
import type { Endpoint } from './endpoint.ts';

/** The end of a call that was never sent, with what it waited for. */
export function whileWaiting(
  cancelled: CallStatus,
  target: string,
  endpoints: readonly Endpoint[],
): CallStatus {
  const states = endpoints.map(
    ({ name, state, failure }) => failure?.details ?? `${name} is ${state}`,
  );
  const waited = states.length === 0 ? `${target} is not resolved` : states.join('; ');
  return { ...cancelled, details: `${cancelled.details}; it was never sent: ${waited}` };
}

/** Why no endpoint can take a call; undefined while one still may. */
export function unreachable(
  target: string,
  endpoints: readonly Endpoint[],
): CallStatus | undefined {
  if (endpoints.some(({ state }) => state !== 'backoff' && state !== 'unhealthy')) return undefined;
  const why = endpoints.map(({ failure }) => failure?.details).filter(Boolean);
  const details = `No endpoint of ${target} is reachable. ${why.join('; ')}`;
  return { code: Status.UNAVAILABLE, details };
}
