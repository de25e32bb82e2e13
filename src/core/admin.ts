/** What an admin listener serves, and to whom. */
export interface AdminOptions {
  /**
   * What the console calls this process. Default the runtime's `service`, else the name of the
   * program's file.
   */
  readonly name?: string;
  /** Serve `/console`, a live page. Default true. */
  readonly console?: boolean;
  /** Let the console's form call methods of the servers of this process. Default false. */
  readonly invoke?: boolean;
  /**
   * Names, `name` or `name:port`, by which it may be addressed besides the loopback's and the
   * address it listens on; where it listens for other machines, any IP address will do, too. What
   * else arrives in `Host` or `Origin` is refused with 403, for it may be a page from elsewhere
   * whose name resolves to here (DNS rebinding). Default none.
   */
  readonly allowedHosts?: readonly string[];
  /** Serve metrics of the process, too: CPU, memory, event loop. Default true. */
  readonly processMetrics?: boolean;
}

/** An open admin listener. */
export interface AdminBound extends AsyncDisposable {
  readonly port: number;
  /** `http://HOST:PORT`, to which `/metrics` and `/console` are added. */
  readonly url: string;
}

/**
 * Serves `/metrics`, `/healthz`, `/readyz`, `/snapshot`, `/deprecations` and `/console` over HTTP.
 * Its end is the end of every address that it has opened. It watches a process and does not keep it
 * alive.
 */
export interface AdminListener extends AsyncDisposable {
  /**
   * Opens an address: `127.0.0.1:9464`, `:0` (loopback, any port). Rejects with a `ListenError`
   * when it cannot be had, and with a `ConfigError` where it makes no sense.
   */
  listen(address: string, options?: AdminOptions): Promise<AdminBound>;
}
