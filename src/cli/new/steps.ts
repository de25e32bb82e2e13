import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { note } from '../output.ts';
import { startGroup } from '../process-group.ts';

/** How a step ended. */
export interface StepEnd {
  /** Undefined where the command is not installed; 1 where a signal ended it. */
  readonly code: number | undefined;
  /** The last lines of all that it printed. */
  readonly lastLines: string;
}

/** How much of what a command prints is kept, in characters, and how many lines are shown. */
const KEPT = 16_384;
const SHOWN_LINES = 12;

/** Commands that are run one after the other, in one folder. They end with this process. */
export class Steps {
  private readonly folder: string;
  private readonly silent: boolean;
  /** The command that is running, or ran last. */
  current = '';

  /** `silent`: nobody is told what is being done. */
  constructor(folder: string, silent: boolean) {
    this.folder = folder;
    this.silent = silent;
  }

  /** Says something of what was done. */
  tell(what: string): void {
    if (!this.silent) note(what);
  }

  /** Runs a command that takes a while, and says so. */
  async run(command: string, args: readonly string[]): Promise<StepEnd> {
    this.current = [command, ...args].join(' ');
    this.tell(`${this.current} …`);
    return this.ask(command, args);
  }

  /** Runs a command that is over at once. */
  async ask(command: string, args: readonly string[]): Promise<StepEnd> {
    return result(
      startGroup(command, args, {
        cwd: this.folder,
        env: environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
        // Windows starts npm by a shell only; nothing of the arguments is the user's.
        shell: process.platform === 'win32',
      }),
    );
  }
}

async function result(child: ChildProcess): Promise<StepEnd> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT);
    });
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    const lines = output.trim().split('\n');
    return { code: code ?? 1, lastLines: lines.slice(-SHOWN_LINES).join('\n') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { code: undefined, lastLines: '' };
  }
}

/** Without what a git hook is told, which would make of another repository the one to work on. */
function environment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX']) {
    Reflect.deleteProperty(env, name);
  }
  return env;
}
