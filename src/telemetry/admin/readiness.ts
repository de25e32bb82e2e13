import type { LiveParts } from '../../core/telemetry.ts';
import { Server } from '../../server/server.ts';

/** Whether a process may be sent calls, and why not. */
export interface Readiness {
  readonly ready: boolean;
  /** Empty while it is ready. */
  readonly reasons: readonly string[];
}

/** The servers of a process that listen. */
export function serversOf(parts: LiveParts): Server[] {
  return [...parts].filter((part) => part instanceof Server);
}

/**
 * Ready while no server drains and each says SERVING of itself as a whole. `own`, where there is
 * one, must listen; a process without servers is ready.
 */
export function readiness(parts: LiveParts, own: Server | undefined): Readiness {
  const servers = serversOf(parts);
  const reasons: string[] = [];
  if (own !== undefined && !servers.includes(own)) reasons.push('The server does not listen');
  for (const server of servers) {
    const { draining, health } = server.snapshot();
    const overall = health[''] ?? 'UNKNOWN';
    if (draining) reasons.push('A server drains');
    else if (overall !== 'SERVING') reasons.push(`The health of a server is ${overall}`);
  }
  return { ready: reasons.length === 0, reasons };
}
