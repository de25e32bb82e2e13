import { describe, expect, test } from 'vitest';

import type { PeerService } from '../interop/stock-server.ts';
import { stockServer } from '../interop/stock-server.ts';
import { startPair } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';
import { inboard, startInboard } from './cli.ts';

const SERVICE = 'inboard.testing.v1.ShapesService';

describe('health', { timeout: 30_000 }, () => {
  test('exits with 0 only where the server, or the service, is serving', async () => {
    await using pair = await startPair();
    const target = ['--target', `127.0.0.1:${pair.port}`];
    const good = { code: 0, stdout: 'SERVING\n', stderr: '' };
    expect(await inboard(['health', ...target])).toEqual(good);
    expect(await inboard(['health', SERVICE, ...target])).toEqual(good);

    pair.server.health.set(SERVICE, 'NOT_SERVING');
    const bad = await inboard(['health', SERVICE, ...target, '-o', 'json']);
    expect(JSON.parse(bad.stdout)).toEqual({ service: SERVICE, status: 'NOT_SERVING' });
    expect(bad.code).toBe(1);
  });

  test('says what it cannot know', async () => {
    await using pair = await startPair();
    const target = `127.0.0.1:${pair.port}`;
    const unknown = await inboard(['health', 'nobody', '--target', target]);
    expect(unknown.stderr).toContain(`${target} says nothing of the health of 'nobody'`);
    expect(unknown.code).toBe(64 + 5);
  });

  test('says where a server has no health service', async () => {
    const server = await stockServer(shapes as unknown as PeerService);
    try {
      const run = await inboard(['health', '--target', `127.0.0.1:${server.port}`]);
      expect(run.stderr).toContain('does not serve grpc.health.v1');
      expect(run.code).toBe(64 + 12);
    } finally {
      server.stop();
    }
  });

  test('prints each change, until Ctrl-C', async () => {
    await using pair = await startPair();
    const target = ['--target', `127.0.0.1:${pair.port}`];
    const run = startInboard(['health', SERVICE, '--watch', ...target]);
    await run.printed('SERVING\n');
    pair.server.health.set(SERVICE, 'NOT_SERVING');
    await run.printed('SERVING\nNOT_SERVING\n');
    run.child.kill('SIGINT');
    expect(await run.ended).toEqual({ code: 130, stdout: 'SERVING\nNOT_SERVING\n', stderr: '' });
  });
});
