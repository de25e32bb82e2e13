import { setTimeout as delay } from 'node:timers/promises';

import { openScreen } from './screen.ts';
import { CLOSING_ORDER, openShop } from './shop.ts';
import { Statistics } from './statistics.ts';
import { Supervisor } from './supervisor.ts';
import { LEGEND, methodTable, processTable, summaryLine } from './table.ts';
import { judge } from './verdict.ts';

const REDRAW_EVERY_MS = 500;
const ORPHAN_CHECK_MS = 500;
/** What counts as lately, for the rates, latencies and deadlines of the live table. */
const WINDOW_MS = 5_000;

const HEADER = [
  'The inboard shop: gateway → orders → 3 × inventory, payments.',
  'Ctrl-C ends it. The code is in examples/shop: read orders.ts first.',
  'To see a process die, kill -9 its pid.',
];

/**
 * Runs the shop for `durationMs`, or until the process is told to end, and prints what it came to.
 * Resolves to the exit code: with a duration 1 when something went wrong that must not, else 0.
 */
export async function runShop(durationMs: number | undefined): Promise<number> {
  const screen = openScreen(process.stdout);
  const statistics = new Statistics(WINDOW_MS);
  const supervisor = new Supervisor({
    report: (name, report) => statistics.add(name, report),
    say: (line) => screen.say(line),
  });
  const told = untilTold().then(() => 'told');
  const draw = (): void => {
    screen.show(
      () => liveTable(statistics, supervisor),
      () => summaryLine(statistics.lately(), statistics.overall()),
    );
  };
  let redraw: NodeJS.Timeout | undefined;
  try {
    if ((await Promise.race([openShop(supervisor), told])) === 'told') return 0;
    statistics.begin();
    if (!screen.live) screen.say([...HEADER, '', ...processes(statistics, supervisor)].join('\n'));
    redraw = setInterval(draw, REDRAW_EVERY_MS);
    await (durationMs === undefined ? told : Promise.race([told, after(durationMs)]));
  } finally {
    clearInterval(redraw);
    statistics.end();
    await supervisor.stop(CLOSING_ORDER);
    screen.close();
  }
  const passed = conclude(statistics, supervisor);
  return passed || durationMs === undefined ? 0 : 1;
}

/** Resolves at Ctrl-C, at a polite kill, and when there is nobody left to run for. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    // Kept, as npm hands on a Ctrl-C that the terminal has sent here already.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
    // Nobody reads what is printed any more: `npm start | head`.
    process.stdout.on('error', () => resolve());
    if (process.env['npm_lifecycle_event'] === undefined) return;
    // npm runs this through a shell, which takes a polite kill for itself and hands nothing on.
    const { ppid } = process;
    const timer = setInterval(() => {
      if (process.ppid === ppid) return;
      clearInterval(timer);
      resolve();
    }, ORPHAN_CHECK_MS);
    timer.unref();
  });
}

function after(durationMs: number): Promise<void> {
  return delay(durationMs, undefined, { ref: false });
}

function liveTable(statistics: Statistics, supervisor: Supervisor): string[] {
  const lately = statistics.lately();
  const overall = statistics.overall();
  return [
    ...HEADER,
    `Up ${overall.seconds.toFixed(0)} s. Counts are since the start, all else is of the last 5 s.`,
    LEGEND,
    ...methodTable(lately, overall.report),
    '',
    ...processTable(lately, supervisor.states()),
  ];
}

function processes(statistics: Statistics, supervisor: Supervisor): string[] {
  return processTable(statistics.overall(), supervisor.states());
}

/** Prints the final table and what it means; true when all is well. */
function conclude(statistics: Statistics, supervisor: Supervisor): boolean {
  const overall = statistics.overall();
  const { passed, lines } = judge(overall.report, supervisor.deaths);
  const text = [
    '',
    `The shop was open for ${overall.seconds.toFixed(1)} s.`,
    LEGEND,
    '',
    ...methodTable(overall, overall.report),
    '',
    ...processes(statistics, supervisor),
    '',
    ...lines,
  ];
  console.log(text.join('\n'));
  return passed;
}
