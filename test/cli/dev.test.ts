import { connect } from 'node:net';

import { describe, expect, test } from 'vitest';

import { ask, CONTRACT, contract, DevProject, freePort, GENERATED } from './dev-project.ts';

describe('dev', { timeout: 60_000 }, () => {
  test('generates, checks and starts; and again after a change of a contract', async () => {
    const project = await DevProject.make();
    const port = await freePort();
    await using dev = project.dev('src/server.ts', '--', String(port));
    expect(await dev.next()).toEqual({
      event: 'watching',
      entry: 'src/server.ts',
      folders: ['src', 'proto'],
    });
    expect(await dev.next()).toMatchObject({ event: 'generate', ok: true, files: [GENERATED] });
    expect(await dev.next()).toMatchObject({ event: 'types', ok: true });
    const first = await dev.until('started');
    await dev.run.told('listening for hello name');
    expect(await ask(port)).toEqual({ greeting: 'hello', fields: ['name'], pid: first.pid });

    await project.replace(CONTRACT, contract('string name = 1;\n  int32 size = 2;'));
    expect(await dev.next()).toEqual({ event: 'changed', files: [CONTRACT] });
    expect(await dev.next()).toMatchObject({ event: 'generate', ok: true, files: [GENERATED] });
    expect(await dev.next()).toMatchObject({ event: 'types', ok: true });
    expect(await dev.next()).toMatchObject({ event: 'ended', pid: first.pid, asked: true });
    const second = await dev.until('started');
    await dev.run.told('listening for hello name,size');
    const now = { greeting: 'hello', fields: ['name', 'size'], pid: second.pid };
    expect(await ask(port)).toEqual(now);

    // What is generated is the same, and nothing is written: or this would go round in circles.
    await project.replace(CONTRACT, `${await project.read(CONTRACT)}// nothing new\n`);
    await dev.until('changed');
    expect(await dev.next()).toMatchObject({ event: 'generate', ok: true, files: [] });
    await dev.until('started');
    await project.write(GENERATED, '// by hand\n');
    await project.write('src/greeting.ts', "export const greeting: string = 'bye';\n");
    expect(await dev.next()).toEqual({ event: 'changed', files: ['src/greeting.ts'] });
  });

  test('keeps what runs while a contract does not compile', async () => {
    const project = await DevProject.make();
    const port = await freePort();
    await using dev = project.dev('--no-check', 'src/server.ts', '--', String(port));
    const { pid } = await dev.until('started');
    await dev.run.told('listening');
    const before = await project.read(GENERATED);

    await project.write(CONTRACT, contract('string name;'));
    const broken = await dev.until('generate');
    expect(broken.output).toMatch(/^proto\/shop\/v1\/shop\.proto:6:3:missing/);
    expect(await dev.next()).toEqual({ event: 'waiting', pid });
    expect(await project.read(GENERATED)).toBe(before);

    // Code that is changed meanwhile may need what the contract is about to say.
    await project.write('src/greeting.ts', "export const greeting: string = 'new';\n");
    expect(await dev.namesUntil('waiting')).toEqual(['changed', 'generate', 'waiting']);
    expect(await ask(port)).toEqual({ greeting: 'hello', fields: ['name'], pid });

    await project.write(CONTRACT, contract('string nom = 1;'));
    expect(await dev.namesUntil('started')).toEqual(['changed', 'generate', 'ended', 'started']);
    await dev.run.told('listening for new nom');
    expect(await ask(port)).toMatchObject({ greeting: 'new', fields: ['nom'] });
  });

  test('keeps what runs while code is not right in its types', async () => {
    const project = await DevProject.make();
    const port = await freePort();
    await using dev = project.dev('src/server.ts', '--', String(port));
    const { pid } = await dev.until('started');
    await dev.run.told('listening');

    await project.write('src/greeting.ts', 'export const greeting: string = 5;\n');
    await dev.until('changed');
    const failed = await dev.next();
    expect(failed).toMatchObject({ event: 'types', ok: false });
    expect(failed).toHaveProperty(
      'output',
      expect.stringMatching(/^src\/greeting\.ts:1:14: error/),
    );
    expect(await dev.next()).toEqual({ event: 'waiting', pid });
    expect(await ask(port)).toEqual({ greeting: 'hello', fields: ['name'], pid });

    await project.write('src/greeting.ts', "export const greeting: string = 'again';\n");
    expect(await dev.namesUntil('started')).toEqual(['changed', 'types', 'ended', 'started']);
    await dev.run.told('listening for again');
  });

  test('starts nothing before the first round is good', async () => {
    const project = await DevProject.make({ 'src/greeting.ts': 'export const greeting = 1 +;\n' });
    await using dev = project.dev();
    expect(await dev.namesUntil('waiting')).toEqual(['watching', 'generate', 'types', 'waiting']);
    await project.write('src/greeting.ts', "export const greeting: string = 'good';\n");
    expect(await dev.namesUntil('started')).toEqual(['changed', 'types', 'started']);
    await dev.run.told('listening for good');
  });

  test('goes round once for all that changed during a round', async () => {
    // It does not end before its last connection does.
    const project = await DevProject.make({
      'src/server.ts': `import { createServer } from 'node:net';
const server = createServer(() => undefined);
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log('listening'));
process.once('SIGTERM', () => server.close());`,
    });
    const port = await freePort();
    await using dev = project.dev('--no-check', 'src/server.ts', '--', String(port));
    await dev.until('started');
    await dev.run.told('listening');
    const socket = connect(port, '127.0.0.1');
    await project.write('src/a.ts', 'export {};\n');
    expect((await dev.until('note')).message).toMatch(/^waiting for pid \d+ to end; .*10 s$/);
    await project.write('src/b.ts', 'export {};\n');
    await project.write('src/c.ts', 'export {};\n');
    socket.destroy();
    expect(await dev.namesUntil('started')).toEqual(['ended', 'started']);
    expect(await dev.next()).toEqual({ event: 'changed', files: ['src/b.ts', 'src/c.ts'] });
    expect(await dev.namesUntil('started')).toEqual(['ended', 'started']);
    await project.write('src/d.ts', 'export {};\n');
    expect(await dev.next()).toEqual({ event: 'changed', files: ['src/d.ts'] });
  });
});
