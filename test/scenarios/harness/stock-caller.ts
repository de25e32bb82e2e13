import * as grpc from '@grpc/grpc-js';

import type { Caller, CallOutcome, CallRequest, StreamOutcome } from './caller.ts';
import type { PolicyState } from './protocol.ts';
import type { StockClientSpec } from './specs.ts';
import { stockDefinition, type StockResponse } from './stock-definition.ts';
import { stockTarget } from './stock-server.ts';

/** What stock clients get where their users set none: inboard's default. */
const TIMEOUT_MS = 15_000;

/** A client of stock grpc-js with the options and the service config of its spec. */
export class StockCaller implements Caller {
  private readonly client: grpc.Client;

  constructor({ target, serviceConfig, options }: StockClientSpec) {
    this.client = new grpc.Client(stockTarget(target), grpc.credentials.createInsecure(), {
      // Its own connections, as if each client were a process.
      'grpc.use_local_subchannel_pool': 1,
      ...(serviceConfig !== undefined && { 'grpc.service_config': JSON.stringify(serviceConfig) }),
      ...options,
    });
  }

  call({
    method,
    timeoutMs = TIMEOUT_MS,
    headers = {},
    ...request
  }: CallRequest): Promise<CallOutcome> {
    const { path, requestSerialize, responseDeserialize } = stockDefinition[method];
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new Promise((resolve) => {
      this.client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => resolve(outcomeOf(error, response)),
      );
    });
  }

  follow(id: string, onMessage: () => void, signal: AbortSignal): Promise<StreamOutcome> {
    const { path, requestSerialize, responseDeserialize } = stockDefinition.follow;
    const call = this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
      id,
    });
    signal.addEventListener('abort', () => call.cancel());
    call.on('data', onMessage);
    call.on('error', () => undefined);
    return new Promise((resolve) => {
      call.on('status', ({ code, details }: grpc.StatusObject) => {
        resolve({ code, details });
      });
    });
  }

  snapshot(): undefined {
    return undefined;
  }

  policy(): PolicyState {
    return { changes: 0 };
  }

  async close(): Promise<void> {
    this.client.close();
  }
}

function outcomeOf(
  error: grpc.ServiceError | null,
  response: StockResponse | undefined,
): CallOutcome {
  return {
    code: error?.code ?? grpc.status.OK,
    details: error?.details ?? '',
    server: response?.server ?? '',
    attempts: 0,
    longestAttemptMs: 0,
    endpoint: '',
  };
}
