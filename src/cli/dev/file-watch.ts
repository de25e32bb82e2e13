import type { BigIntStats, Dirent, FSWatcher } from 'node:fs';
import { watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { CliFailure } from '../failure.ts';

/** How long nothing must change before changes are told, in ms: editors save in several steps. */
const QUIET_MS = 80;

/** After how long they are told although more keep coming, in ms. */
const PATIENCE_MS = 1_000;

/** Folders of other tools' output, and files that editors keep for a moment. */
const NOT_SOURCES = /^(?:node_modules|dist|generated|\..*|#.*#|4913|.*~|.*\.tmp|.*___jb_\w+___)$/;

/** A folder, and which of its files matter. */
export interface WatchRoot {
  readonly folder: string;
  /** With all folders in it. */
  readonly deep: boolean;
  readonly takes: (file: string) => boolean;
}

interface WatchedFolder {
  readonly watcher: FSWatcher;
  /** Another one where the folder was removed and made anew, which its watcher does not see. */
  readonly identity: string;
}

/**
 * Tells which files have changed. Node's own recursive watch follows each file on Linux, and loses
 * those that an editor replaces; so each folder is watched by itself, and an event only says that
 * it is time to look. What counts is what differs from the last look.
 */
export class FileWatch implements Disposable {
  private roots: readonly WatchRoot[];
  private readonly folders = new Map<string, WatchedFolder>();
  /** Of each file, what changes with it. */
  private known = new Map<string, string>();
  private stirred = false;
  private wake: () => void = () => undefined;

  constructor(roots: readonly WatchRoot[]) {
    this.roots = roots;
  }

  /** Takes what is there now as known. */
  async begin(): Promise<void> {
    this.known = await this.look();
  }

  /** Watches these from now on. What is new by that is known; other changes are told as ever. */
  async follow(roots: readonly WatchRoot[]): Promise<void> {
    const before = this.roots;
    this.roots = roots;
    for (const [file, print] of await this.look()) {
      if (!covered(file, before)) this.known.set(file, print);
    }
  }

  /**
   * Waits until files have changed, been added or removed since the last time, and nothing else
   * has for a moment. Sorted.
   */
  async next(): Promise<string[]> {
    for (;;) {
      await this.quiet();
      const now = await this.look();
      const before = this.known;
      this.known = now;
      const files = [...new Set([...before.keys(), ...now.keys()])].filter(
        // What nobody takes any more has not changed by that.
        (file) => before.get(file) !== now.get(file) && covered(file, this.roots),
      );
      if (files.length > 0) return files.toSorted();
    }
  }

  [Symbol.dispose](): void {
    for (const folder of this.folders.keys()) this.drop(folder);
  }

  private async quiet(): Promise<void> {
    if (!this.stirred) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    const since = performance.now();
    do {
      this.stirred = false;
      await sleep(QUIET_MS);
    } while (this.stirred && performance.now() - since < PATIENCE_MS);
    this.stirred = false;
  }

  private async look(): Promise<Map<string, string>> {
    const files = new Map<string, string>();
    const visited = new Set<string>();
    for (const root of this.roots) {
      const found = await this.lookInto(root, root.folder, files, visited);
      // It may come back, which the folder that it was in will tell.
      if (!found) await this.watchAbove(root.folder, visited);
    }
    for (const folder of this.folders.keys()) if (!visited.has(folder)) this.drop(folder);
    return files;
  }

  /** False where there is no such folder. */
  private async lookInto(
    root: WatchRoot,
    folder: string,
    files: Map<string, string>,
    visited: Set<string>,
  ): Promise<boolean> {
    // Watched before it is read: whatever comes after that, one of them sees.
    if (!(await this.watchFolder(folder, visited))) return false;
    for (const entry of await readFolder(folder)) {
      if (NOT_SOURCES.test(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (root.deep) await this.lookInto(root, path, files, visited);
      } else if (root.takes(path)) {
        const print = await fingerprint(path);
        if (print !== undefined) files.set(path, print);
      }
    }
    return true;
  }

  private async watchAbove(folder: string, visited: Set<string>): Promise<void> {
    const above = dirname(folder);
    if (above === folder) return;
    if (!(await this.watchFolder(above, visited))) await this.watchAbove(above, visited);
    // It came after it was looked for, and before anybody would have told.
    else if ((await statsOf(folder)) !== undefined) this.stir();
  }

  /** False where there is no such folder. */
  private async watchFolder(folder: string, visited: Set<string>): Promise<boolean> {
    visited.add(folder);
    const stats = await statsOf(folder);
    // A new folder may get the number of one that was just removed.
    const identity = `${stats?.ino} ${stats?.birthtimeNs}`;
    if (stats !== undefined && identity === this.folders.get(folder)?.identity) return true;
    this.drop(folder);
    if (stats?.isDirectory() !== true) return false;
    try {
      const watcher = watch(folder, () => this.stir());
      watcher.on('error', () => {
        this.drop(folder);
        this.stir();
      });
      this.folders.set(folder, { watcher, identity });
      return true;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return false;
      const limit = code === 'ENOSPC' || code === 'EMFILE';
      throw new CliFailure(`'${folder}' cannot be watched: ${message}`, {
        hint: limit ? "Watch fewer folders (--watch), or raise the system's limit." : undefined,
      });
    }
  }

  private drop(folder: string): void {
    this.folders.get(folder)?.watcher.close();
    this.folders.delete(folder);
  }

  private stir(): void {
    this.stirred = true;
    this.wake();
  }
}

function covered(file: string, roots: readonly WatchRoot[]): boolean {
  return roots.some(({ folder, deep, takes }) => {
    const inside = deep ? file.startsWith(join(folder, sep)) : dirname(file) === folder;
    return inside && takes(file);
  });
}

/** None where it has gone meanwhile. */
async function readFolder(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** Undefined where it has gone meanwhile, or is no file. */
async function fingerprint(path: string): Promise<string | undefined> {
  const stats = await statsOf(path);
  return stats?.isFile() === true ? `${stats.ino} ${stats.size} ${stats.mtimeNs}` : undefined;
}

async function statsOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch {
    return undefined;
  }
}
