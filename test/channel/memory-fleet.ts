import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { Channel, ChannelOptions, Server, ServerOptions, Status } from '../../src/index.ts';
import { ClientCall, createChannel, createServer, ServerError } from '../../src/index.ts';
import { methodsOf } from '../../src/core/definition.ts';
import { statusOfError } from '../../src/core/errors.ts';
import type { Method } from '../../src/core/method.ts';
import { OK } from '../../src/core/status.ts';
import type {
  FaultyTransport,
  ManualClock,
  ManualResolver,
  RecordingLogger,
  TestRuntime,
} from '../../src/testing/index.ts';
import {
  faultyTransport,
  inMemoryTransport,
  manualResolver,
  testRuntime,
} from '../../src/testing/index.ts';
import type { ShapesImplementation } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

export type Runtime = TestRuntime<ManualClock, RecordingLogger>;

/** What a server does with a unary call. */
export type Behaviour = ShapesImplementation['unary'];

/** One attempt, and where it went. */
export interface Attempt {
  readonly call: ClientCall;
  /** Resolves with the code it ended with. */
  readonly ended: Promise<Status>;
}

export interface Fleet extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly net: FaultyTransport;
  readonly names: ManualResolver;
  readonly addresses: readonly string[];
  readonly servers: readonly Server[];
  /** Connected to those that the resolver told. */
  readonly channel: Channel;
  /** What one server does from now on. */
  on(server: number, behaviour: Behaviour): void;
  /** One attempt of `Unary`, straight into the channel. */
  attempt(change?: (call: ClientCall) => void): Attempt;
  /** Attempts one after the other; how many went to each address. */
  share(count: number, spacingMs?: number): Promise<Record<string, number>>;
}

const METHODS = new Map(methodsOf(ShapesServiceDefinition).map((method) => [method.key, method]));

/** A method of the shapes, by its key. */
export function methodOf(key: string): Method {
  return METHODS.get(key) as Method;
}

/** Lets everything run that waits for no time: a message in memory takes some turns of the loop. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** The index of a server by its address. */
export function answer(text: string): Behaviour {
  return async () => ({ sample: { text } });
}

/** Fails every call with a status. */
export function failing(code: Status): Behaviour {
  return () => Promise.reject(new ServerError(code, 'on purpose'));
}

export const never: Behaviour = () => new Promise<never>(() => undefined);

/** Servers in memory on a clock that stands still; `known`: how many the resolver tells first. */
export async function memoryFleet(
  size: number,
  options: ChannelOptions = {},
  known: number = size,
  serverOptions: ServerOptions = {},
): Promise<Fleet> {
  const runtime = testRuntime();
  const net = faultyTransport(inMemoryTransport());
  const behaviours: Behaviour[] = [];
  const servers: Server[] = [];
  const addresses: string[] = [];
  for (let i = 0; i < size; i++) {
    behaviours.push(answer(String(i)));
    const server = createServer({ runtime, transport: net, ...serverOptions });
    const unary: Behaviour = (request, context) => (behaviours[i] as Behaviour)(request, context);
    server.add(ShapesServiceDefinition, { ...shapes, unary });
    addresses.push((await server.listen('127.0.0.1:0')).address);
    servers.push(server);
  }
  const names = manualResolver();
  names.set(addresses.slice(0, known));
  const resolvers = { manual: names.factory };
  const channel = createChannel('manual:///shop', {
    runtime,
    transport: net,
    resolvers,
    ...options,
  });
  channel.connect();
  await turn();

  const attempt: Fleet['attempt'] = (change) => {
    const call = new ClientCall(methodOf('unary'), runtime, {});
    change?.(call);
    const ended = channel.invoke(call).then(
      () => {
        call.end(OK);
        return OK.code;
      },
      (error: unknown) => {
        const status = statusOfError(error);
        call.end(status);
        return status.code;
      },
    );
    return { call, ended };
  };
  return {
    runtime,
    net,
    names,
    addresses,
    servers,
    channel,
    attempt,
    on: (server, behaviour) => {
      behaviours[server] = behaviour;
    },
    async share(count, spacingMs = 0) {
      const counts = Object.fromEntries(addresses.map((address) => [address, 0]));
      for (let i = 0; i < count; i++) {
        const { call, ended } = attempt();
        await ended;
        counts[call.endpoint ?? ''] = (counts[call.endpoint ?? ''] ?? 0) + 1;
        if (spacingMs > 0) runtime.clock.advance(spacingMs);
      }
      return counts;
    },
    async [Symbol.asyncDispose]() {
      await channel[Symbol.asyncDispose]();
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}
