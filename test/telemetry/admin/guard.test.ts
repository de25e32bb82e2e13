import { describe, expect, test } from 'vitest';

import { createAdmin } from '../../../src/index.ts';
import { Guard } from '../../../src/telemetry/admin/guard.ts';
import { testRuntime } from '../../support/harness.ts';
import { adminPair, ask, askRaw } from './support.ts';

function refuses(
  headers: Readonly<Record<string, string>>,
  { host = '127.0.0.1', allowedHosts = [] as string[], path = '/metrics', method = 'GET' } = {},
): boolean {
  return new Guard({ host, allowedHosts }).refuse({ method, path, headers }) !== undefined;
}

describe('a listener on loopback', () => {
  test.each([
    ['localhost'],
    ['localhost:9464'],
    ['LOCALHOST:9464'],
    ['127.0.0.1:1'],
    ['127.8.9.1'],
    ['[::1]:9464'],
    ['console.localhost:9464'],
  ])('is asked for as %s', (host) => {
    expect(refuses({ host })).toBe(false);
  });

  test.each([
    ['evil.example'],
    ['evil.example:9464'],
    ['localhost.evil.example'],
    ['127.0.0.1.evil.example'],
    ['10.0.0.1:9464'],
    ['localhost:9464@evil.example'],
    ['evil.example#localhost'],
    ['localhost evil.example'],
    [''],
  ])('is not asked for as %j', (host) => {
    expect(refuses({ host })).toBe(true);
  });

  test('is not asked without any Host', () => {
    expect(refuses({})).toBe(true);
  });

  test('is asked for by the names that it was told of', () => {
    const allowedHosts = ['Admin.Corp', 'other.corp:81'];
    expect(refuses({ host: 'admin.corp:8080' }, { allowedHosts })).toBe(false);
    expect(refuses({ host: 'other.corp:81' }, { allowedHosts })).toBe(false);
    expect(refuses({ host: 'other.corp:82' }, { allowedHosts })).toBe(true);
  });
});

describe('a listener that others reach', () => {
  test.each([['10.1.2.3:9464'], ['[fd00::7]:9464'], ['127.0.0.1:9464'], ['localhost']])(
    'is asked for as %s, which no name was made to resolve to',
    (host) => {
      expect(refuses({ host }, { host: '0.0.0.0' })).toBe(false);
    },
  );

  test('is not asked for by a name that it does not know', () => {
    expect(refuses({ host: 'evil.example' }, { host: '0.0.0.0' })).toBe(true);
    expect(refuses({ host: 'evil.example' }, { host: '::' })).toBe(true);
  });
});

describe('a page', () => {
  const host = 'localhost:9464';

  test.each([
    ['http://localhost:9464', false],
    ['https://localhost:9464', false],
    ['http://localhost:3000', true],
    ['http://127.0.0.1:9464', true],
    ['http://evil.example', true],
    ['http://localhost:9464.evil.example', true],
    ['null', true],
    ['file://', true],
  ])('of %s is refused: %s', (origin, refused) => {
    expect(refuses({ host, origin })).toBe(refused);
  });

  test('behind a proxy with a name of its own is let in by that name', () => {
    const options = { allowedHosts: ['admin.corp'] };
    expect(refuses({ host, origin: 'https://admin.corp' }, options)).toBe(false);
    expect(refuses({ host, origin: 'https://other.corp' }, options)).toBe(true);
  });

  test.each([
    ['none', false],
    ['same-origin', false],
    ['same-site', true],
    ['cross-site', true],
    ['anything', true],
  ])('whose browser says %s is refused: %s', (site, refused) => {
    expect(refuses({ host, 'sec-fetch-site': site })).toBe(refused);
  });

  test('elsewhere may link to the console, and neither frame it nor link to anything else', () => {
    const link = {
      host,
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect(refuses(link, { path: '/console' })).toBe(false);
    expect(refuses({ ...link, 'sec-fetch-dest': 'iframe' }, { path: '/console' })).toBe(true);
    expect(refuses({ ...link, 'sec-fetch-mode': 'cors' }, { path: '/console' })).toBe(true);
    expect(refuses(link, { path: '/console', method: 'POST' })).toBe(true);
    expect(refuses(link, { path: '/snapshot' })).toBe(true);
  });
});

describe('over sockets', () => {
  const paths = [
    '/',
    '/metrics',
    '/healthz',
    '/readyz',
    '/snapshot',
    '/deprecations',
    '/console',
    '/nothing',
  ];
  const more = ['/console/events', '/console/policy', '/console/methods', '/console/invoke'];

  test('a hostile Host or Origin gets 403 wherever it asks, and nothing else', async () => {
    await using running = await adminPair({ invoke: true });
    for (const path of [...paths, ...more]) {
      const named = await ask(running.admin, path, { headers: { Host: 'evil.example' } });
      expect([path, named.status]).toEqual([path, 403]);
      expect(named.body).toBe(
        '{"error":"The host \'evil.example\' is not served here: name it in allowedHosts"}\n',
      );
      const from = { Origin: 'http://evil.example' };
      const paged = await ask(running.admin, path, { headers: from });
      expect([path, paged.status]).toEqual([path, 403]);
      expect(paged.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  test('two Host headers, an absolute target and a method of CORS get nowhere', async () => {
    await using running = await adminPair();
    const close = 'Connection: close\r\n\r\n';
    const two = `GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n${close}`;
    expect(await askRaw(running.admin, two)).toMatch(/^HTTP\/1\.1 4(?:00|03) /);
    const absolute = `GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n${close}`;
    expect(await askRaw(running.admin, absolute)).toMatch(/^HTTP\/1\.1 404 /);
    const preflight = await ask(running.admin, '/console/invoke', {
      method: 'OPTIONS',
      headers: { Origin: 'http://evil.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(preflight.status).toBe(403);
    expect(preflight.headers['access-control-allow-methods']).toBeUndefined();
  });

  test('a listener without a host in its address is open to this machine only', async () => {
    await using admin = createAdmin({ runtime: testRuntime() });
    const bound = await admin.listen(':0');
    expect(bound.url).toBe(`http://127.0.0.1:${bound.port}`);
  });
});
