import { setTimeout as sleep } from 'node:timers/promises';

import type { ConsoleState } from '../../telemetry/console/console-state.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { print } from '../output.ts';
import { eventsUrl, readStates } from '../top/events.ts';
import { frame } from '../top/frame.ts';
import { Screen } from '../top/screen.ts';

/** Between two tries to reach a process that was lost, in ms. */
const RETRY_MS = 1_000;

/** Columns where the output is no terminal. */
const COLUMNS = 80;

export interface TopOptions extends OutputOptions {
  readonly from: string;
  readonly once?: true;
}

/** Shows the states of a process as they come: on a terminal in place, else one after the other. */
export async function top(options: TopOptions): Promise<void> {
  const url = eventsUrl(options.from);
  if (options.once !== true && options.output === 'table' && process.stdout.isTTY) {
    await showLive(url);
    return;
  }
  let any = false;
  for await (const state of readStates(url)) {
    const text = frame(state, process.stdout.columns || COLUMNS).join('\n');
    // A blank line between two tables, where nothing clears the older one.
    await print(options.output === 'json' ? JSON.stringify(state) : `${any ? '\n' : ''}${text}`);
    any = true;
    if (options.once === true) return;
  }
  throw new CliFailure(`${url.origin} ended its stream${any ? '' : ' before a first state'}`, {
    hint: 'Has the process ended?',
  });
}

/** A process that was seen once may come back: it is tried until the user has enough. */
async function showLive(url: URL): Promise<never> {
  let last: ConsoleState | undefined;
  let screen: Screen | undefined;
  for (;;) {
    let trouble = `${url.origin} ended its stream`;
    try {
      for await (const state of readStates(url)) {
        last = state;
        // Only now: what fails before is told on the terminal that the user knows.
        screen ??= new Screen(
          () => process.exit(EXIT.ok),
          () => process.exit(EXIT.interrupted),
        );
        screen.draw(frame(state, screen.columns));
      }
    } catch (error) {
      if (last === undefined) throw error;
      trouble = error instanceof Error ? error.message : String(error);
    }
    if (last === undefined || screen === undefined) throw new CliFailure(trouble);
    screen.draw([`! ${trouble}; trying again`, ...frame(last, screen.columns)]);
    await sleep(RETRY_MS);
  }
}
