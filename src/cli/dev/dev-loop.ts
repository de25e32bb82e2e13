import { basename, relative, resolve } from 'node:path';

import { withProgress } from '../output.ts';
import type { StepEvent } from './dev-event.ts';
import type { WatchRoot } from './file-watch.ts';
import { FileWatch } from './file-watch.ts';
import type { Generation } from './generation.ts';
import { contains } from './plan.ts';
import type { Report } from './report.ts';
import type { ServerProcess } from './server-process.ts';
import type { Types } from './type-check.ts';
import { checkTypes } from './type-check.ts';

/** Files in the project's folder that change what is generated. */
const CONTRACT_SETTINGS = ['buf.yaml', 'buf.lock', 'buf.gen.yaml', 'buf.work.yaml'];

/** Files there that change how code is checked or run. */
const CODE_SETTINGS = ['tsconfig.json', 'package.json'];

export interface DevLoopParts {
  readonly generation: Generation;
  /** Undefined: types are not checked. */
  readonly types: Types | undefined;
  readonly server: ServerProcess;
  readonly report: Report;
  /** Folders of code. */
  readonly code: readonly string[];
  /** Folders of contracts, as they are now. */
  contracts(): Promise<string[]>;
}

/** Generates, checks and starts; and again after each change. One round at a time. */
export class DevLoop {
  private readonly parts: DevLoopParts;
  private contracts: readonly string[] = [];
  /** Whether contracts have changed since code was generated from them. */
  private stale = true;

  constructor(parts: DevLoopParts) {
    this.parts = parts;
  }

  async run(entry: string): Promise<never> {
    const { report, code } = this.parts;
    this.contracts = await this.parts.contracts();
    using watch = new FileWatch(this.roots());
    // Before the first round: what changes meanwhile is for the next one.
    await watch.begin();
    report({ event: 'watching', entry, folders: [...new Set([...code, ...this.contracts])] });
    for (;;) {
      await this.round();
      const files = (await watch.next()).map((file) => relative('', file));
      report({ event: 'changed', files });
      this.stale ||= files.some((file) => this.isContract(file));
      if (files.some((file) => CONTRACT_SETTINGS.includes(file))) await this.followContracts(watch);
    }
  }

  private async round(): Promise<void> {
    const { server, report } = this.parts;
    if ((await this.generated()) && (await this.checked())) await server.restart();
    else report({ event: 'waiting', pid: server.pid ?? null });
  }

  private async generated(): Promise<boolean> {
    if (!this.stale) return true;
    const step = this.parts.generation.run();
    this.stale = !(await this.tell('generate', 'generating code', step));
    return !this.stale;
  }

  private async checked(): Promise<boolean> {
    const { types } = this.parts;
    return types === undefined || this.tell('types', 'checking types', checkTypes(types));
  }

  private async tell(
    name: StepEvent['event'],
    what: string,
    step: Promise<StepEvent>,
  ): Promise<boolean> {
    const since = performance.now();
    let event: StepEvent;
    try {
      event = await withProgress(what, step);
    } catch (error) {
      // A tool that is not there, for packages are being installed: it may come back.
      const output = error instanceof Error ? error.message : String(error);
      event = { event: name, ok: false, ms: performance.now() - since, output };
    }
    this.parts.report(event);
    return event.ok;
  }

  private async followContracts(watch: FileWatch): Promise<void> {
    try {
      this.contracts = await this.parts.contracts();
    } catch {
      // Generating will say what is wrong.
      return;
    }
    await watch.follow(this.roots());
  }

  private roots(): WatchRoot[] {
    const { code, generation } = this.parts;
    const settings = new Set([...CONTRACT_SETTINGS, ...CODE_SETTINGS]);
    const isSource = (file: string): boolean => !generation.owns(file);
    return [
      { folder: process.cwd(), deep: false, takes: (file) => settings.has(basename(file)) },
      ...this.contracts.map((folder) => ({
        folder: resolve(folder),
        deep: true,
        takes: (file: string) => file.endsWith('.proto'),
      })),
      ...code.map((folder) => ({ folder: resolve(folder), deep: true, takes: isSource })),
    ];
  }

  private isContract(file: string): boolean {
    if (CONTRACT_SETTINGS.includes(file)) return true;
    return file.endsWith('.proto') && this.contracts.some((folder) => contains(folder, file));
  }
}
