import type { FSWatcher, Stats } from 'node:fs';
import { constants, readFileSync, statSync, watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Clock, Timer } from '../../core/clock.ts';
import { describe } from '../../core/errors.ts';

/** How often a file is looked at, in ms, for changes that nobody told. */
const POLL_MS = 1_000;

/** Quiet after a change before the file is read, in ms: who writes it may not be done. */
const SETTLE_MS = 50;

/** A folder that is never quiet keeps a change waiting no longer than this, in ms. */
const MAX_SETTLE_MS = 500;

/** The largest file that is read, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** Who is told of a file's content: at the start, and when it is another one. */
export interface FileListener {
  text(text: string): void;
  /** It cannot be read: told once, until that changes. */
  failed(why: string): void;
}

/**
 * A file whose content is followed. Its folder is watched, so a new file that is renamed into its
 * place is seen, and so is a swapped folder of links, as Kubernetes mounts them; a look once a
 * second sees what no watch tells: network mounts, a folder that comes back, too few watches.
 */
export class WatchedFile {
  private readonly path: string;
  private readonly clock: Clock;
  private readonly listener: FileListener;
  private watcher: FSWatcher | undefined = undefined;
  private poll: Timer | undefined = undefined;
  private settle: Timer | undefined = undefined;
  private noticedAtMs: number | undefined = undefined;
  private mark = '';
  private told: string | undefined = undefined;
  private failure: string | undefined = undefined;
  private reading = false;
  private closed = false;

  constructor(path: string, clock: Clock, listener: FileListener) {
    this.path = path;
    this.clock = clock;
    this.listener = listener;
  }

  start(): void {
    this.watch();
    this.pollLater();
    void this.read();
  }

  close(): void {
    this.closed = true;
    this.watcher?.close();
    this.poll?.clear();
    this.settle?.clear();
  }

  /** Where it cannot be watched, it is polled. */
  private watch(): void {
    this.watcher?.close();
    this.watcher = undefined;
    try {
      const watcher = watch(dirname(this.path), { persistent: false }, () => this.noticed());
      watcher.on('error', () => watcher.close());
      this.watcher = watcher;
    } catch {
      this.watcher = undefined;
    }
  }

  private noticed(): void {
    if (this.closed) return;
    const nowMs = this.clock.now();
    this.noticedAtMs ??= nowMs;
    const atMs = Math.min(nowMs + SETTLE_MS, this.noticedAtMs + MAX_SETTLE_MS);
    this.settle?.clear();
    this.settle = this.clock.setTimer(atMs, () => void this.read());
  }

  private pollLater(): void {
    if (this.closed) return;
    this.poll = this.clock.setTimer(this.clock.now() + POLL_MS, () => void this.look());
  }

  private async look(): Promise<void> {
    const mark = await markOf(this.path);
    const changed = mark !== this.mark && !this.reading && this.noticedAtMs === undefined;
    if (changed && !this.closed) {
      // The watch has not told: it may be of a folder that is gone, or was not there.
      this.watch();
      this.noticed();
    }
    this.pollLater();
  }

  private async read(): Promise<void> {
    if (this.reading) {
      this.noticed();
      return;
    }
    this.noticedAtMs = undefined;
    this.reading = true;
    const before = await markOf(this.path);
    let text: string | undefined;
    let failure = '';
    try {
      text = await readText(this.path);
    } catch (error) {
      failure = describe(error);
    }
    const settled = before === (await markOf(this.path));
    this.reading = false;
    if (this.closed) return;
    this.mark = before;
    if (!settled) this.noticed();
    else if (text === undefined) this.tellFailure(failure);
    else this.tell(text);
  }

  private tell(text: string): void {
    this.failure = undefined;
    if (text === this.told) return;
    this.told = text;
    this.listener.text(text);
  }

  private tellFailure(failure: string): void {
    this.told = undefined;
    if (failure === this.failure) return;
    this.failure = failure;
    this.listener.failed(failure);
  }
}

/** The content now; throws what a `WatchedFile` would tell. */
export function readNow(path: string): string {
  check(statSync(path));
  return decode(readFileSync(path));
}

/** Another one for another content, or another file in its place. */
async function markOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return describe(error);
  }
}

/** Reads no more than the file's size at its opening, and no pipe that would wait for a writer. */
async function readText(path: string): Promise<string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    check(stats);
    const buffer = Buffer.alloc(stats.size);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return decode(buffer.subarray(0, length));
  } finally {
    await handle.close();
  }
}

function check(stats: Stats): void {
  if (!stats.isFile()) throw new Error('it is no regular file');
  if (stats.size > MAX_BYTES) {
    throw new Error(`it has ${stats.size} bytes, more than the ${MAX_BYTES} allowed`);
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('it is no UTF-8 text');
  }
}
