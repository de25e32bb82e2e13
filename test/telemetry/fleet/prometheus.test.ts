import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { askText } from '../../examples/admin-client.ts';
import { killRuns, Run, temporaryFolder, unhurriedPolicy } from '../../examples/shop-run.ts';
import { dashboard, familiesIn, queries, RULES, rules } from './fleet-files.ts';
import { Prometheus, type Sample } from './prometheus-process.ts';

const missing = spawnSync('prometheus', ['--version']).error !== undefined;
const why = missing ? ': not run because prometheus is missing' : '';

/** Panels that stay empty in the shop, whose servers have no bulkheads. */
const EMPTY = new Set(['Bulkheads']);

/** As dashboards for go-grpc-prometheus ask. */
const EXISTING = ['server', 'client'].flatMap((side) => [
  `sum(rate(grpc_${side}_started_total[1m]))`,
  `sum(rate(grpc_${side}_handled_total[1m])) by (grpc_code)`,
  `sum(rate(grpc_${side}_handled_total{grpc_code!="OK"}[1m])) by (grpc_service, grpc_method)`,
  `sum(rate(grpc_${side}_handled_total{grpc_type="unary", grpc_code!="OK"}[1m])) / sum(rate(grpc_${side}_started_total{grpc_type="unary"}[1m])) * 100`,
  `sum(rate(grpc_${side}_msg_received_total{grpc_type="bidi_stream"}[1m])) by (grpc_service)`,
  `sum(rate(grpc_${side}_msg_sent_total{grpc_type="server_stream"}[1m])) by (grpc_service)`,
  `sum(rate(grpc_${side}_msg_received_total[10m])) by (grpc_service) / sum(rate(grpc_${side}_started_total[10m])) by (grpc_service)`,
  `histogram_quantile(0.99, sum(rate(grpc_${side}_handling_seconds_bucket[1m])) by (grpc_method, le))`,
  `histogram_quantile(0.5, sum(rate(grpc_${side}_handling_seconds_bucket{grpc_type="unary"}[1m])) by (grpc_service, le))`,
  `sum(rate(grpc_${side}_handling_seconds_sum[1m])) / sum(rate(grpc_${side}_handling_seconds_count[1m]))`,
  `100 - sum(rate(grpc_${side}_handling_seconds_bucket{grpc_type="unary", le="0.25"}[1m])) by (grpc_service) / sum(rate(grpc_${side}_handling_seconds_count{grpc_type="unary"}[1m])) by (grpc_service) * 100`,
]);

function isNumber({ value }: Sample): boolean {
  return !Number.isNaN(value);
}

describe.skipIf(missing)(`a Prometheus that scrapes the shop${why}`, { timeout: 120_000 }, () => {
  const open = new AsyncDisposableStack();
  let run: Run;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const folder = open.use(await temporaryFolder());
    const targets = join(folder.path, 'targets.json');
    // First a replica fails for nine seconds, then payments: one round of what can be seen.
    const policy = await unhurriedPolicy(folder.path);
    const faults = ['--seed', '7', '--faults', 'trouble,outage', '--policy', policy];
    run = new Run(...faults, '--targets', targets);
    await run.line(/^gateway +\d+/);
    prometheus = open.use(await Prometheus.start(targets, await readFile(RULES, 'utf8')));
    await run.line(/ breaker of payments\.ChargeCustomer: open$/);
    // Some calls are refused, and the scrape after that has been taken.
    await until('sum(increase(inboard_client_rejected_total{reason="circuit_open"}[1m])) > 0');
  }, 120_000);

  afterAll(async () => {
    killRuns();
    await open.disposeAsync();
  });

  /** Waits for the next scrapes to bring it about. */
  async function until(expr: string): Promise<Sample[]> {
    for (;;) {
      const samples = (await prometheus.query(expr)).filter(isNumber);
      if (samples.length > 0) return samples;
      await delay(100);
    }
  }

  test('reaches all six processes, and takes each of their series', async () => {
    const up = await until('up == 1 and on () (sum(up) == 6)');
    const instances = up.map(({ metric }) => `${metric['job']} ${metric['instance']}`);
    expect(instances.toSorted()).toEqual([
      'gateway gateway',
      'inventory inventory-1',
      'inventory inventory-2',
      'inventory inventory-3',
      'orders orders',
      'payments payments',
    ]);
  });

  test.each(EXISTING)('answers dashboards for go-grpc-prometheus: %s', async (expr) => {
    const samples = await prometheus.query(expr);
    expect(samples.filter(isNumber)).not.toHaveLength(0);
  });

  test('knows the codes, the methods and the shapes by go-grpc-prometheus’s names', async () => {
    const labels = async (expr: string, name: string): Promise<string[]> =>
      (await prometheus.query(expr)).map(({ metric }) => metric[name] ?? '');
    // A call whose charge was refused: the scrape after the first such one shows that it happens.
    await until('rate(grpc_client_handled_total{grpc_code="Aborted"}[1m]) > 0');
    const codes = await labels(
      'sum by (grpc_code) (rate(grpc_client_handled_total[1m])) > 0',
      'grpc_code',
    );
    expect(codes).toEqual(expect.arrayContaining(['OK', 'Unavailable', 'Aborted']));
    const types = await labels('count by (grpc_type) (grpc_server_started_total)', 'grpc_type');
    expect(types.toSorted()).toEqual(['bidi_stream', 'client_stream', 'server_stream', 'unary']);
    const callers = await labels(
      'sum by (job) (grpc_client_started_total{grpc_service="inventory.v1.InventoryService"})',
      'job',
    );
    expect(callers).toEqual(['orders']);
  });

  test('understands each panel of the dashboard, and has data for it', async () => {
    const asked = queries(dashboard());
    expect(asked.length).toBeGreaterThan(40);
    const empty = await Promise.all(
      asked.map(async ({ panel, expr }) =>
        (await prometheus.query(expr)).some(isNumber) ? [] : [panel],
      ),
    );
    expect(new Set(empty.flat())).toEqual(EMPTY);
  });

  test('finds no metric in dashboard and rules that no process has', async () => {
    const admins = await run.admins();
    const texts = await Promise.all([...admins.values()].map((url) => askText(`${url}/metrics`)));
    const families = texts.join('\n').matchAll(/^# TYPE (\S+) /gm);
    const known = new Set([...families].map(([, name]) => name));
    const exprs = [...queries(dashboard()), ...rules()].map(({ expr }) => expr);
    const used = new Set(exprs.flatMap(familiesIn));
    expect(used.size).toBeGreaterThan(30);
    expect([...used].filter((name) => !known.has(name))).toEqual([]);
  });

  test('evaluates every rule, and sees the shop’s retries and ejections by them', async () => {
    let states = await prometheus.rules();
    while (states.some(({ health }) => health === 'unknown')) {
      await delay(100);
      states = await prometheus.rules();
    }
    expect(states.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(states).toHaveLength(rules().length);

    const [retries] = await until('job_service:inboard_client_retries:ratio_rate5m{job="orders"}');
    expect(retries?.value).toBeGreaterThan(0);
    const exprOf = (name: string): string =>
      states.find((state) => state.name === name)?.query.replace(/ > [\d.]+$/, '') ?? '';
    const ejected = await until(exprOf('InboardEndpointsEjected'));
    expect(Math.max(...ejected.map(({ value }) => value))).toBeGreaterThan(0);
    const circuits = exprOf('InboardCircuitFlapping');
    const opened = await until(`${circuits} > 0`);
    expect(opened.map(({ metric }) => metric['grpc_method'])).toEqual(['ChargeCustomer']);
    const burnt = await until('job_service:grpc_client_failures:ratio_rate5m > 0.05');
    expect(burnt.map(({ metric }) => metric['grpc_service'])).toContain(
      'payments.v1.PaymentsService',
    );
  });
});
