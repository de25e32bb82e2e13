import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';

import { Events } from '../../examples/shop/runner/events.ts';
import { FAULTS, planRound } from '../../examples/shop/runner/faults.ts';
import { record } from '../../examples/shop/runner/histogram.ts';
import { cut, layOut } from '../../examples/shop/runner/layout.ts';
import { Ledger } from '../../examples/shop/runner/ledger.ts';
import { methodTable } from '../../examples/shop/runner/method-table.ts';
import { consoleLines, replicaTable } from '../../examples/shop/runner/process-table.ts';
import { emptyReport, methodOf } from '../../examples/shop/runner/report.ts';
import { METHODS, REPLICAS } from '../../examples/shop/runner/shop.ts';
import { Statistics } from '../../examples/shop/runner/statistics.ts';
import { Supervisor } from '../../examples/shop/runner/supervisor.ts';
import { judge } from '../../examples/shop/runner/verdict.ts';
import { liveView } from '../../examples/shop/runner/view.ts';
import { without } from '../../examples/shop/runner/without.ts';
import type { EndpointSnapshot, PolicyDocument } from '../../src/index.ts';
import { seededRandom } from '../../src/testing/index.ts';

/** A report in which every figure is as long as it gets. */
function busyReport() {
  const report = emptyReport();
  for (const { name } of METHODS) {
    const method = methodOf(report, name);
    Object.assign(method, { ok: 99_999, failed: 999, unknown: 999, retries: 9_999, hedges: 9_999 });
    record(method.latency, 4_000);
    report.hops.set(`${name.slice(name.indexOf('.') + 1)} orders`, { count: 1, sumMs: 4_999 });
  }
  return report;
}

const standings = new Map(
  METHODS.map(({ name }) => [name, { breaker: 'half_open', idempotent: true } as const]),
);

const ejected: EndpointSnapshot = {
  address: '127.0.0.1:40001',
  state: 'connecting',
  healthy: true,
  ejectedUntilMs: 299_900,
  ejections: 3,
  inFlight: 1_000,
  latencyMs: 4_000,
  weight: 1,
  picks: 100,
  successes: 0,
  failures: 100,
  failure: undefined,
  lastError: undefined,
};

const states = REPLICAS.map((name, index) => ({
  name,
  pid: 4_194_304,
  address: `127.0.0.1:4000${index}`,
  admin: `http://127.0.0.1:5000${index}`,
  up: true,
  fault: 'slow, failing',
}));

function widest(lines: readonly string[]): number {
  return Math.max(...lines.map((line) => stripVTControlCharacters(line).length));
}

test('the tables fit into 80 columns, and show more where there is more room', () => {
  const figures = { seconds: 5, report: busyReport(), served: new Map() };
  const endpoints = new Map([[ejected.address, ejected]]);
  expect(widest(methodTable(figures, figures.report, standings, 80))).toBeLessThanOrEqual(80);
  expect(widest(replicaTable(figures, states, endpoints, 80))).toBeLessThanOrEqual(80);

  const title = (width?: number): string =>
    stripVTControlCharacters(methodTable(figures, figures.report, standings, width)[0] ?? '');
  expect(title(80)).toMatch(/retry hedge breaker$/);
  expect(title()).toMatch(/breaker +failed +unknown +ms left$/);
});

test.each([
  { rows: 23, columns: 80, events: 5 },
  { rows: 29, columns: 80, events: 7 },
])(
  'a terminal of $columns × $rows shows the last $events events',
  ({ rows, columns, events: n }) => {
    const statistics = new Statistics(5_000);
    statistics.add('orders', busyReport());
    const events = new Events(() => undefined);
    for (let i = 0; i < 30; i++) events.add(`event ${i}`, 'plain');
    const supervisor = new Supervisor({ counts: () => undefined, say: () => undefined });
    const endpoints = new Map<string, EndpointSnapshot>();
    const ledger = new Ledger();
    const state = { statistics, supervisor, events, ledger, standings, endpoints, without: [] };
    const lines = liveView(state, { rows, columns });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(widest(lines)).toBeLessThanOrEqual(columns);
    const shown = lines.filter((line) => line.includes('event '));
    // No replica runs in this test: their three rows are the events' here.
    expect(shown).toHaveLength(n + 3);
    expect(shown.at(-1)).toContain('event 29');
  },
);

test('the consoles of those that call others fit into 80 columns, and so do the others’ ports', () => {
  const others = ['payments', 'orders', 'gateway'].map((name, index) => ({
    name,
    pid: 4_194_304,
    address: undefined,
    admin: `http://127.0.0.1:6000${index}`,
    up: true,
    fault: undefined,
  }));
  const lines = consoleLines([...states, ...others], true);
  expect(lines).toEqual([
    'gateway http://127.0.0.1:60002/console  orders http://127.0.0.1:60001/console',
    'inventory-1 :50000  inventory-2 :50001  inventory-3 :50002  payments :60000',
  ]);
  expect(widest(lines)).toBeLessThanOrEqual(80);
  expect(consoleLines([...states, ...others], false)).toEqual(lines.slice(0, 1));
  // Before any of them is up.
  expect(consoleLines([], true)).toEqual([]);
});

test('columns are left away by rank, and never those without one', () => {
  const columns = [
    { title: 'name', words: true },
    { title: 'a', spare: 1 },
    { title: 'b', spare: 2 },
  ];
  const rows = [['method', '1', '2']];
  const text = (width: number): string[] =>
    layOut(columns, rows, width).map((line) => stripVTControlCharacters(line));
  expect(text(12)).toEqual(['name    a  b', 'method  1  2']);
  expect(text(10)).toEqual(['name   a b', 'method 1 2']);
  expect(text(9)).toEqual(['name    a', 'method  1']);
  expect(text(1)).toEqual(['name', 'method']);
});

test('a line is cut to what is seen of it, and its colours end', () => {
  const [red, plain] = ['\u001B[31m', '\u001B[39m'];
  expect(cut(`ab${red}cdef${plain}gh`, 4)).toBe(`ab${red}cd${plain}`);
  expect(cut(`${red}abcd${plain}`, 4)).toBe(`${red}abcd${plain}`);
});

test('a round has every fault once, one after the other, at a replica each, as the seed says', () => {
  const plan = (seed: number) => planRound(FAULTS, REPLICAS, seededRandom(seed), 28_000);
  const round = plan(7);
  expect(round).toEqual(plan(7));
  expect(round).not.toEqual(plan(8));
  expect(round.map(({ kind }) => kind)).toEqual([...FAULTS]);
  expect(
    round
      .slice(0, 3)
      .map(({ target }) => target)
      .toSorted(),
  ).toEqual([...REPLICAS]);
  expect(round[3]?.target).toBe('payments');
  for (const [index, { atMs, forMs }] of round.entries()) {
    expect(atMs + forMs).toBeLessThan(round[index + 1]?.atMs ?? 28_000);
  }
});

test('a run fails for what ran twice and for faults that did not strike', () => {
  const ledger = new Ledger();
  ledger.enter('ChargeCustomer', 'order-1');
  ledger.enter('ReserveStock', 'order-1');
  const report = emptyReport();
  for (const { name } of METHODS) methodOf(report, name).ok = 1;
  const results = { seconds: 1, seed: 1, report, standings, ledger, deaths: [] };
  const done = [{ kind: 'kill', target: 'inventory-1', missed: undefined }] as const;
  expect(judge({ ...results, planned: ['kill'], done }).passed).toBe(true);

  const short = judge({ ...results, planned: ['kill', 'drain'], done });
  expect(short.passed).toBe(false);
  expect(short.lines).toContain("FAILED  there was no time for the fault 'drain'");

  ledger.enter('ChargeCustomer', 'order-1');
  const twice = judge({ ...results, planned: ['kill'], done });
  expect(twice.passed).toBe(false);
  expect(twice.lines).toContain('FAILED  ran twice: 1 of 3 charges, reservations');
});

test('--without turns features off in every place where the policy has them on', () => {
  const current: PolicyDocument = {
    defaults: { retry: { attempts: 4 }, timeoutMs: 100 },
    methods: { 'a.B/C': { hedge: {}, retry: { attempts: 2 }, timeoutMs: 50 } },
    channel: { ejection: {}, balancer: 'round_robin' },
  };
  const source = { current, onChange: () => () => undefined };
  expect(without(source, []).current).toBe(current);
  expect(without(source, ['retry', 'ejection', 'health']).current).toEqual({
    defaults: { retry: false, hedge: false, timeoutMs: 100 },
    methods: { 'a.B/C': { hedge: false, retry: false, timeoutMs: 50 } },
    channel: { ejection: false, healthCheck: false, balancer: 'round_robin' },
  });
});
