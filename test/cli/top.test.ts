import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

import { describe, expect, test } from 'vitest';

import { inboard, startInboard } from './cli.ts';
import { sampleState, startConsole } from './console-fixture.ts';

/** util-linux's `script` makes a terminal; other systems' take other options. */
const terminal = spawnSync('script', ['-qefc', 'true', '/dev/null']).status === 0;
const why = terminal ? '' : ': not run because util-linux has no `script` here';

describe('top', { timeout: 30_000 }, () => {
  test('prints methods, endpoints and circuits in 80 columns', async () => {
    await using console = await startConsole(sampleState());
    const { code, stdout, stderr } = await inboard(['top', '--from', console.url, '--once']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines[0]).toBe('orders (pid 4242), ready, draining, up 1 h 2 min');
    expect(lines[1]).toBe('heap 50 MiB, rss 120 MiB, loop lag 1.2ms, 4 calls being served');
    expect(lines[2]).toContain('! dns:///payments:50051: so few endpoints are left');
    // The busiest first. 99.96 % is not shown as all.
    expect(stdout).toMatch(
      /METHOD .*\n→ OrdersService\/GetOrder +12\.3 +99\.9 +1\.3ms +18ms +0\.2s +3 +0\.5\n→ Orders/,
    );
    expect(stdout).toContain('← OrdersService/Evil?[2J');
    expect(stdout).toMatch(/10\.0\.0\.2:50051 +ejected 30s +0\.10/);
    expect(stdout).toMatch(/PaymentsService\/Charge +open +40 +39 +2 +1\.5s/);
  });

  test('prints each state as it comes, as the process sent it', async () => {
    await using console = await startConsole(sampleState(1));
    const run = startInboard(['top', '--from', console.url, '-o', 'json']);
    await run.printed('"rate":1,');
    console.send(sampleState(2));
    const stdout = await run.printed('"rate":2,');
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toEqual(sampleState(1));
    run.child.kill('SIGINT');
    expect(await run.ended).toMatchObject({ code: 130, stderr: '' });
  });

  test('says that the process is not what it was taken for', async () => {
    await using console = await startConsole();
    const other = await inboard(['top', '--from', `${console.url}/metrics`]);
    expect(other.stderr).toMatch(/\/metrics answered 404 Not Found.*\n {2}Is this the admin/);
    expect(other.code).toBe(1);
  });

  test('says that the process has ended', async () => {
    await using console = await startConsole(sampleState());
    const run = startInboard(['top', '--from', console.url]);
    await run.printed('METHOD');
    console.drop();
    const { code, stderr } = await run.ended;
    expect(stderr).toContain('ended its stream');
    expect(code).toBe(1);
  });

  const keys: [key: string, bytes: string, code: number][] = [
    ['q', 'q', 0],
    ['Ctrl-C', '\u0003', 130],
  ];

  test.skipIf(!terminal).each(keys)(
    `is live on a terminal, until %s${why}`,
    async (_key, bytes, code) => {
      await using console = await startConsole(sampleState(1));
      const command = `${process.execPath} src/cli/main.ts top --from ${console.url}`;
      const child = spawn('script', ['-qefc', command, '/dev/null']);
      const ended = once(child, 'close');
      let shown = '';
      const sees = async (text: string): Promise<void> => {
        while (!shown.includes(text)) {
          shown += String(((await once(child.stdout, 'data')) as [Buffer])[0]);
        }
      };
      await sees('METHOD');
      console.send(sampleState(77));
      await sees(' 77 ');
      // A process that is lost may come back.
      console.drop();
      await sees('trying again');
      console.send(sampleState(88));
      await sees(' 88 ');
      child.stdin.write(bytes);
      await sees('\u001B[?1049l');
      expect(await ended).toEqual([code, null]);
    },
  );
});
