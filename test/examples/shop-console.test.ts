import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';

import type { ConsoleState, TryMethod } from '../../src/telemetry/console/console-state.ts';
import { askJson, consoleState, consoleStates } from './admin-client.ts';
import { killRuns, Run, temporaryFolder, unhurriedPolicy } from './shop-run.ts';

// Six processes start, and on a busy machine that takes a while.
vi.setConfig({ testTimeout: 120_000 });

afterEach(killRuns);

const PROCESSES = ['gateway', 'inventory-1', 'inventory-2', 'inventory-3', 'orders', 'payments'];

/** All that a console has shown, from now to the end of its process. */
async function watch(admin: string): Promise<ConsoleState[]> {
  const states: ConsoleState[] = [];
  try {
    for await (const state of consoleStates(admin)) states.push(state);
  } catch (error) {
    // The process has closed its connections.
    if (!(error instanceof Error && error.message === 'aborted')) throw error;
  }
  return states;
}

function urlOf(admins: ReadonlyMap<string, string>, name: string): string {
  return admins.get(name) ?? '';
}

test('the faults are seen in the consoles, whose URLs are printed first', async () => {
  await using folder = await temporaryFolder();
  const policy = await unhurriedPolicy(folder.path);
  const faults = ['--seed', '7', '--faults', 'trouble,outage', '--policy', policy];
  const run = new Run('--once', '--duration', '12', ...faults);
  const admins = await run.admins();
  expect([...admins.keys()].toSorted()).toEqual(PROCESSES);
  const [gateway, orders] = [urlOf(admins, 'gateway'), urlOf(admins, 'orders')];
  const opening = run.lines.filter((line) => !line.startsWith('contracts:'))[0];
  expect(opening).toBe(`Look inside: gateway ${gateway}/console  orders ${orders}/console`);

  const seen = Promise.all([watch(gateway), watch(orders)]);
  await run.line(/ ejected inventory-\d for /);
  // A second or two later it is let in again.
  const snapshot = await askJson(`${orders}/snapshot`);
  await run.ended(0);
  const [ofGateway, ofOrders] = await seen;

  expect(snapshot).toMatchObject({ channels: [{ ejections: 1 }, { ejections: 0 }] });
  const endpoints = ofOrders.flatMap(({ channels }) => channels.flatMap((one) => one.endpoints));
  expect(endpoints.filter(({ ejectedForMs }) => (ejectedForMs ?? 0) > 0)).not.toHaveLength(0);
  expect(new Set(endpoints.map(({ lastError }) => lastError))).toContain(
    'UNAVAILABLE: Fails on purpose',
  );
  const circuits = ofOrders.flatMap((state) => state.circuits);
  const opened = circuits.filter(({ state }) => state === 'open');
  expect(new Set(opened.map(({ method }) => method))).toEqual(new Set(['ChargeCustomer']));
  expect(opened.at(-1)?.changes.map(({ state }) => state)).toContain('open');
  const last = ofOrders.at(-1);
  const getStock = last?.methods.find(({ method }) => method === 'GetStock');
  expect(getStock).toMatchObject({ side: 'client', failures: 0 });
  expect(getStock?.retries).toBeGreaterThan(0);
  expect(last?.failed.map(({ side, method, code }) => `${side} ${method} ${code}`)).toContain(
    'client ChargeCustomer UNAVAILABLE',
  );
  const placeOrder = ofGateway.at(-1)?.methods.find(({ method }) => method === 'PlaceOrder');
  expect(placeOrder?.codes['OK']).toBeGreaterThan(0);
  expect(placeOrder?.codes['UNAVAILABLE']).toBeGreaterThan(0);
});

test('a process that was killed has its console where it was, and the list of targets holds', async () => {
  await using folder = await temporaryFolder();
  const targets = join(folder.path, 'targets.json');
  const listed = async (): Promise<unknown> => JSON.parse(await readFile(targets, 'utf8'));
  const policy = await unhurriedPolicy(folder.path);
  const args = ['--faults', 'kill', '--targets', targets, '--policy', policy];
  const run = new Run('--once', '--duration', '6', ...args);
  const admins = await run.admins();
  const groups = PROCESSES.map((name) => ({
    targets: [new URL(urlOf(admins, name)).host],
    labels: { job: name.replace(/-\d$/, ''), instance: name },
  }));
  const before = await listed();
  expect(before).toHaveLength(6);
  expect(before).toEqual(expect.arrayContaining(groups));

  const [, name = ''] = await run.line(/ SIGKILL (inventory-\d)$/);
  const [, pid] = await run.line(/ inventory-\d is back \(pid (\d+)\)$/);
  const { process } = await consoleState(urlOf(admins, name));
  expect(process).toMatchObject({ pid: Number(pid), ready: true, invoke: true });
  expect(await listed()).toEqual(before);
  await run.ended(0);
  expect(await listed()).toEqual([]);
});

test('the console’s form has the methods of its process, and calls them', async () => {
  const run = new Run('--faults', 'none');
  const admins = await run.admins();
  const methodsOf = async (name: string): Promise<string[]> => {
    const methods = (await askJson(`${urlOf(admins, name)}/console/methods`)) as TryMethod[];
    return methods.map(({ service, method }) => `${service}/${method}`);
  };
  expect(await methodsOf('gateway')).toEqual([]);
  expect(await methodsOf('orders')).toEqual(
    expect.arrayContaining(['orders.v1.OrdersService/QuoteItems']),
  );
  expect(await methodsOf('payments')).toContain('payments.v1.PaymentsService/ChargeCustomer');

  const call = { service: 'inventory.v1.InventoryService', method: 'GetStock' };
  const replica = urlOf(admins, 'inventory-2');
  expect(
    await askJson(`${replica}/console/invoke`, { ...call, message: { sku: 'teapot' } }),
  ).toMatchObject({
    code: 'OK',
    messages: [{ sku: 'teapot', priceCents: '2490', replica: 'inventory-2' }],
  });
  expect(
    await askJson(`${replica}/console/invoke`, { ...call, message: { sku: 'samovar' } }),
  ).toMatchObject({ code: 'NOT_FOUND', details: "There is no SKU 'samovar'", messages: [] });
  run.process.kill('SIGINT');
  await run.ended(0);
});
