import { rename, writeFile } from 'node:fs/promises';

import type { ProcessState } from './supervisor.ts';

/**
 * Keeps a file of where the shop's processes can be scraped, as Prometheus's `file_sd_configs`
 * reads it: what runs now, and an empty list once the shop is closed. `instance` is a process's
 * name, so that its series go on when it is replaced.
 */
export class TargetsFile {
  private readonly path: string;
  private written: string | undefined = undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /** Resolves when the file says so; rejects where it cannot be written. */
  write(states: readonly ProcessState[]): Promise<void> {
    const groups = states.flatMap(({ name, admin }) =>
      admin === undefined
        ? []
        : [{ targets: [new URL(admin).host], labels: { job: jobOf(name), instance: name } }],
    );
    const text = `${JSON.stringify(groups, undefined, 2)}\n`;
    if (text === this.written) return this.writing;
    this.written = text;
    this.writing = this.writing.catch(() => undefined).then(() => this.replace(text));
    return this.writing;
  }

  /** Nothing is there to be scraped: not yet, or not any more. */
  close(): Promise<void> {
    return this.write([]);
  }

  /** As a whole: a reader never sees half of it. */
  private async replace(text: string): Promise<void> {
    const draft = `${this.path}.new`;
    await writeFile(draft, text);
    await rename(draft, this.path);
  }
}

/** Replicas are instances of one job. */
function jobOf(name: string): string {
  return name.replace(/-\d+$/, '');
}
