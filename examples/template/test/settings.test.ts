import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readSettings } from '../src/settings.ts';

test('on its own a server listens on loopback, and waits for nobody when it ends', () => {
  const { listen, admin, credentials, drain } = readSettings({});
  assert.deepEqual([listen, admin], ['127.0.0.1:50051', '127.0.0.1:9464']);
  assert.equal(credentials, undefined);
  assert.equal(drain.propagationMs, 0);
});

test('plaintext is said, and TLS is two files', () => {
  assert.equal(readSettings({ PLAINTEXT: 'true' }).credentials?.kind, 'insecure');
  const tls = { TLS_CERT: 'server.pem', TLS_KEY: 'server.key' };
  assert.equal(readSettings(tls).credentials?.kind, 'server-tls');
  assert.throws(() => readSettings({ TLS_CERT: 'server.pem' }), /needs TLS_KEY/);
  assert.throws(() => readSettings({ ...tls, PLAINTEXT: 'true' }), /contradict/);
});

test('what makes no sense is refused by name', () => {
  assert.throws(() => readSettings({ PLAINTEXT: 'yes' }), /PLAINTEXT is 'yes'/);
  assert.throws(() => readSettings({ DRAIN_GRACE_MS: '10s' }), /DRAIN_GRACE_MS is '10s'/);
});
