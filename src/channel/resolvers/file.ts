import { resolve } from 'node:path';

import type { Timer } from '../../core/clock.ts';
import { ConfigError, describe } from '../../core/errors.ts';
import type { CallRuntime } from '../../core/call-runtime.ts';
import type { Resolver, ResolverFactory, ResolverListener } from '../resolver.ts';
import type { ResolvedEndpoint, Target } from '../target.ts';
import { isLocal, parseEndpoint } from '../target.ts';
import { EMPTY_AGREEMENT_MS, UpdateGate } from './update-gate.ts';
import { readNow, WatchedFile } from './watched-file.ts';

/**
 * `file:///absolute/path` or `file:relative/path`: the endpoints that a file lists, one a line, as
 * `host:port`, `[v6]:port` or `unix:/path`; each goes by the host as written. `#` begins a comment.
 * Characters that a target cannot have, such as spaces, are written as in URLs: `%20`.
 *
 * The file is watched. One that cannot be read or does not parse changes nothing: the last good
 * list stays in use, and an error names file and line. An empty one is believed after 30 s.
 *
 * Plaintext is implied where the file can be read when the channel is made and names this machine
 * alone. An address elsewhere that comes later is then refused, also where the channel has
 * credentials: start with the file that the channel is for.
 */
export const fileResolver: ResolverFactory = (target, runtime) =>
  new FileResolver(pathOf(target), runtime);

class FileResolver implements Resolver {
  readonly loopback: boolean;
  private readonly path: string;
  private readonly runtime: CallRuntime;
  private file: WatchedFile | undefined = undefined;
  private emptyTimer: Timer | undefined = undefined;

  constructor(path: string, runtime: CallRuntime) {
    this.path = path;
    this.runtime = runtime;
    this.loopback = namesThisMachine(path);
  }

  start(listener: ResolverListener): void {
    const { clock } = this.runtime;
    const gate = new UpdateGate(clock, listener, this.loopback);
    this.file = new WatchedFile(this.path, clock, {
      text: (text) => this.take(text, gate),
      failed: (why) => {
        this.emptyTimer?.clear();
        gate.failed(`The file ${this.path} cannot be read: ${why}`);
      },
    });
    this.file.start();
  }

  /** What the file says does not depend on connections, and its changes are seen anyway. */
  resolveNow(): void {}

  close(): void {
    this.file?.close();
    this.emptyTimer?.clear();
  }

  private take(text: string, gate: UpdateGate): void {
    const { clock } = this.runtime;
    this.emptyTimer?.clear();
    let endpoints: readonly ResolvedEndpoint[];
    try {
      endpoints = parseEndpoints(text, this.path);
    } catch (error) {
      gate.failed(`The endpoints are wrong: ${describe(error)}`);
      return;
    }
    if (endpoints.length > 0) {
      gate.list(endpoints);
      return;
    }
    const none = (): void => gate.none(`The file ${this.path} lists no endpoint`);
    none();
    this.emptyTimer = clock.setTimer(clock.now() + EMPTY_AGREEMENT_MS, none);
  }
}

/** Throws a `ConfigError` that names the file and the line. */
function parseEndpoints(text: string, path: string): readonly ResolvedEndpoint[] {
  return text.split('\n').flatMap((line, i) => {
    // A socket's path may contain a #, but not after a space.
    const entry = line.replace(/(?:^|\s)#.*/, '').trim();
    return entry === '' ? [] : [parseEndpoint(entry, `${path}:${i + 1}`)];
  });
}

function namesThisMachine(path: string): boolean {
  try {
    const endpoints = parseEndpoints(readNow(path), path);
    return endpoints.length > 0 && endpoints.every(isLocal);
  } catch {
    return false;
  }
}

/** A relative path is one below the folder that is current now. */
function pathOf({ uri, path, authority }: Target): string {
  if (authority !== '') {
    throw new ConfigError(`'${uri}': a file target has no host: write file:/path or file:///path`);
  }
  try {
    return resolve(decodeURIComponent(uri.startsWith('file://') ? `/${path}` : path));
  } catch {
    throw new ConfigError(`'${uri}': a % in a file target begins an escape: write %25 for itself`);
  }
}
