import { setTimeout as delay } from 'node:timers/promises';

import * as grpc from '@grpc/grpc-js';

import type { RunningServer } from './inboard-server.ts';
import type { LabState } from './lab-state.ts';
import { nowMs } from './monotonic.ts';
import type { UnaryMethod } from './specs.ts';
import { stockDefinition, type StockRequest, type StockResponse } from './stock-definition.ts';

type UnaryCall = grpc.ServerUnaryCall<StockRequest, StockResponse>;
type Respond = grpc.sendUnaryData<StockResponse>;
type StreamCall = grpc.ServerWritableStream<StockRequest, StockResponse>;

const FOLLOW_EVERY_MS = 50;

/** The lab's service as a user of stock grpc-js writes it. */
export async function startStockServer(state: LabState): Promise<RunningServer> {
  const { spec } = state;
  const insecure = grpc.credentials.createInsecure();
  const next =
    spec.next === undefined ? undefined : new grpc.Client(stockTarget(spec.next), insecure);
  const server = new grpc.Server();
  server.addService(stockDefinition, implementation(state, next));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(spec.address, grpc.ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  return {
    async drain() {
      // An open stream holds tryShutdown up for ever: what users add to it.
      const force = setTimeout(() => server.forceShutdown(), spec.drain?.graceMs ?? 5_000);
      await new Promise<void>((resolve) => {
        server.tryShutdown(() => resolve());
      });
      clearTimeout(force);
      next?.close();
    },
    async close() {
      server.forceShutdown();
      next?.close();
    },
  };
}

/** The same place as grpc-js writes it. */
export function stockTarget(target: string): string {
  return target.replace(/^static:\/\/\//, 'ipv4:');
}

function implementation(
  state: LabState,
  next: grpc.Client | undefined,
): grpc.UntypedServiceImplementation {
  const server = state.spec.name;
  const answer = async (method: UnaryMethod, respond: Respond): Promise<void> => {
    const { delayMs, status } = state.arrived(method);
    if (delayMs > 0) await delay(delayMs);
    if (status === undefined) respond(null, { server });
    else respond({ code: status, details: `${server} fails on purpose` });
  };
  return {
    read: (_call: UnaryCall, respond: Respond) => void answer('read', respond),
    price: (_call: UnaryCall, respond: Respond) => void answer('price', respond),
    stock: (_call: UnaryCall, respond: Respond) => void answer('stock', respond),
    write: (call: UnaryCall, respond: Respond) => {
      state.journal(call.request.id);
      void answer('write', respond);
    },
    follow: (call: StreamCall) => {
      state.arrived('follow');
      const timer = setInterval(() => call.write({ server }), FOLLOW_EVERY_MS);
      call.on('cancelled', () => clearInterval(timer));
      call.on('close', () => clearInterval(timer));
    },
    relay: (call: UnaryCall, respond: Respond) => relay(state, next, call, respond),
  };
}

/** Stops its own work when its caller is gone; the next server is asked as usual, without more. */
function relay(
  state: LabState,
  next: grpc.Client | undefined,
  call: UnaryCall,
  respond: Respond,
): void {
  const { id, expiresAtMs = 0, workMs: [ownMs = 0, ...workMs] = [] } = call.request;
  const startedMs = nowMs() - expiresAtMs;
  state.arrived('relay');
  const done = (): void => {
    clearTimeout(timer);
    state.relayed(startedMs, nowMs() - expiresAtMs);
  };
  const timer = setTimeout(() => {
    call.off('cancelled', done);
    done();
    if (next === undefined || workMs.length === 0) {
      respond(null, { server: state.spec.name });
      return;
    }
    const { path, requestSerialize, responseDeserialize } = stockDefinition.relay;
    const request = { id, expiresAtMs, workMs };
    next.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) => {
      if (error === null) respond(null, { server: state.spec.name });
      else respond(error);
    });
  }, ownMs);
  call.once('cancelled', done);
}
