/** A server whose admin is hammered: started by `admin.ts`, tells its ports. */
import type { Method } from '../src/core/method.ts';
import { ClientCall } from '../src/core/client-call.ts';
import { OK } from '../src/core/status.ts';
import { createRuntime, createServer, insecure, metricsOf } from '../src/index.ts';
import { openListener } from '../src/telemetry/admin/open-listener.ts';
import { ShapesServiceDefinition } from '../generated/inboard/testing/v1/shapes.ts';
import { methodsOf } from '../src/core/definition.ts';

/** As many as a large process has, so that a scrape costs something. */
const METHODS = 300;

const runtime = createRuntime();
const metrics = metricsOf(runtime);
const server = createServer({ runtime }).add(ShapesServiceDefinition, {
  unary: async ({ sample }) => ({ sample }),
  unarySafe: async ({ sample }) => ({ sample }),
  clientStream: async () => ({}),
  async *serverStream() {},
  async *bidi() {},
});
const { port: calls } = await server.listen('127.0.0.1:0', { credentials: insecure() });

const [model] = methodsOf(ShapesServiceDefinition);
for (let index = 0; index < METHODS; index++) {
  const method: Method = { ...(model as Method), name: `M${index}`, path: `/bench.S/M${index}` };
  const handler = metrics?.clientCall?.(async () => ({}), method);
  const call = new ClientCall(method, runtime, {});
  await handler?.(call);
  call.end(OK);
}

const off = Number.MAX_SAFE_INTEGER;
const internals =
  process.argv[2] === 'unpaced'
    ? { pace: { perSecond: off, burst: off }, compute: { share: 1, savedMs: off } }
    : {};
const { port: admin } = await openListener({ runtime, metrics }, '127.0.0.1', 0, {}, internals);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
process.send?.({ calls, admin });
