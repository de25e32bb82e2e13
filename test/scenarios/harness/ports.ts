import { createServer } from 'node:net';

/**
 * Below the range that the system gives to outgoing connections: a client that dials a port of
 * that range while its server is down can reach itself, and another one can take the port for
 * good.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** Hands out ports on which servers come back after they were killed. */
export class Ports {
  private next = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

  /** A port that is free on all of these hosts, and is not handed out again for a long time. */
  async take(...hosts: readonly string[]): Promise<number> {
    for (;;) {
      this.next = this.next >= LAST_PORT ? FIRST_PORT : this.next + 1;
      const port = this.next;
      const free = await Promise.all(hosts.map((host) => isFree(host, port)));
      if (free.every(Boolean)) return port;
    }
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
