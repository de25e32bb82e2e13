import { LabServiceDefinition } from '../../../generated/inboard/testing/v1/lab.ts';
import {
  type Authenticator,
  createClient,
  createRuntime,
  createServer,
  type Logger,
  type Runtime,
} from '../../../src/index.ts';
import { labService } from './lab-service.ts';
import { type LabState, wallClock } from './lab-state.ts';

/** A server that runs, whatever library it is made with. */
export interface RunningServer {
  /** What SIGTERM does to it, where it does not see to that itself. */
  drain?(): Promise<void>;
  /** Ends it at once. */
  close(): Promise<void>;
}

const QUIET: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined };

export function makeRuntime(
  clock: 'monotonic' | 'wall',
  logger: Logger = QUIET,
  random: () => number = Math.random,
): Runtime {
  return createRuntime({ logger, random, ...(clock === 'wall' && { clock: wallClock() }) });
}

/** Who calls is who the header says: the lab has tenants and no secrets. */
const byTenant: Authenticator = async (call) => {
  const tenant = call.headers.get('tenant');
  return tenant === undefined ? undefined : { scheme: 'lab', subject: tenant, claims: {} };
};

export async function startInboardServer(state: LabState): Promise<RunningServer> {
  const { spec } = state;
  const runtime = makeRuntime(spec.clock ?? 'monotonic');
  const next =
    spec.next === undefined
      ? undefined
      : createClient(LabServiceDefinition, spec.next, {
          runtime,
          // What inherits no deadline has none: a default would be a second feature. Neither would
          // a breaker leave much of a chain whose calls run late on purpose.
          defaults: {
            breaker: false,
            ...(spec.inherits === false && { timeoutMs: Number.POSITIVE_INFINITY }),
          },
        });
  const server = createServer({
    runtime,
    ...spec.options,
    ...(spec.drain !== undefined && { drain: spec.drain, signals: ['SIGTERM'] }),
    ...(spec.tenants === true && { authenticate: byTenant }),
  });
  server.add(LabServiceDefinition, labService(state, next));
  await server.listen(spec.address);
  return {
    async close() {
      await server[Symbol.asyncDispose]();
      await next?.[Symbol.asyncDispose]();
    },
  };
}
