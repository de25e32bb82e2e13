import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace';
import {
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_RPC_METHOD,
  ATTR_RPC_METHOD_ORIGINAL,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  RPC_SYSTEM_NAME_VALUE_GRPC,
} from '@opentelemetry/semantic-conventions';
import { describe, expect, test } from 'vitest';

import type { ClientCall, Interceptor, ServerCall } from '../../../src/index.ts';
import { ServerError, Status, TRACE } from '../../../src/index.ts';
import type { ShapesImplementation } from '../../support/harness.ts';
import { rejection } from '../../support/harness.ts';
import { callHeaders, rawClient } from '../../support/raw-http2.ts';
import { treeOf } from './recorded-spans.ts';
import { SERVICE, tracedPair, UNARY, useSdk } from './traced-pair.ts';

const sdk = useSdk();

/** Number, code and status of each attempt. */
function attempts(): unknown[][] {
  return sdk.spans.started
    .filter(({ kind }) => kind === SpanKind.INTERNAL)
    .map(({ attributes, status }) => [
      attributes['inboard.attempt'],
      attributes['rpc.status_code'],
      status.code,
    ]);
}

describe('what spans say', () => {
  test('names and values are those of the conventions', async () => {
    await using pair = await tracedPair();
    await pair.client.unary({});
    await sdk.settled(3);
    const [call] = sdk.spans.of('CLIENT');
    expect(call?.name).toBe(UNARY);
    expect(call?.attributes).toEqual({
      [ATTR_RPC_SYSTEM_NAME]: RPC_SYSTEM_NAME_VALUE_GRPC,
      [ATTR_RPC_METHOD]: UNARY,
      [ATTR_RPC_STATUS_CODE]: 'OK',
      [ATTR_SERVER_ADDRESS]: '127.0.0.1',
      [ATTR_SERVER_PORT]: pair.port,
      'inboard.attempts': 1,
    });
    expect(call?.status.code).toBe(SpanStatusCode.UNSET);
    expect(sdk.spans.of('INTERNAL')[0]?.attributes).toEqual({
      'inboard.attempt': 1,
      [ATTR_NETWORK_PEER_ADDRESS]: '127.0.0.1',
      [ATTR_NETWORK_PEER_PORT]: pair.port,
      'rpc.status_code': 'OK',
    });
    expect(sdk.spans.of('SERVER')[0]?.attributes).toEqual({
      'rpc.system.name': 'grpc',
      'rpc.method': UNARY,
      'rpc.status_code': 'OK',
      'server.address': '127.0.0.1',
      'server.port': pair.port,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': expect.any(Number) as number,
    });
  });

  test.each([
    [Status.NOT_FOUND, SpanStatusCode.UNSET],
    [Status.RESOURCE_EXHAUSTED, SpanStatusCode.UNSET],
    [Status.UNKNOWN, SpanStatusCode.ERROR],
    [Status.INTERNAL, SpanStatusCode.ERROR],
    [Status.DATA_LOSS, SpanStatusCode.ERROR],
  ])('code %i is an error to the caller, and to the server %i', async (code, served) => {
    const unary = (): never => {
      throw new ServerError(code, 'as told');
    };
    await using pair = await tracedPair({ unary });
    await rejection(pair.client.unary({}));
    await sdk.settled(3);
    const error = { code: SpanStatusCode.ERROR, message: 'as told' };
    expect(sdk.spans.of('CLIENT')[0]?.status).toEqual(error);
    expect(sdk.spans.of('CLIENT')[0]?.attributes[ATTR_ERROR_TYPE]).toBe(Status[code]);
    expect(sdk.spans.of('SERVER')[0]?.status.code).toBe(served);
    expect(sdk.spans.of('SERVER')[0]?.attributes['rpc.status_code']).toBe(Status[code]);
  });

  test('a call that is tried again is one CLIENT span with two attempts', async () => {
    let failures = 1;
    const unarySafe: ShapesImplementation['unarySafe'] = async ({ sample }) => {
      if (failures-- > 0) throw new ServerError(Status.UNAVAILABLE, 'not yet');
      return { sample };
    };
    await using pair = await tracedPair({ unarySafe });
    await pair.client.unarySafe({});
    await sdk.settled(5);
    const name = `${SERVICE}/UnarySafe`;
    const attempt = { [`INTERNAL ${name} attempt`]: [{ [`SERVER ${name}`]: [] }] };
    expect(treeOf(sdk.spans.started)).toEqual([{ [`CLIENT ${name}`]: [attempt, attempt] }]);
    expect(sdk.spans.of('CLIENT')[0]?.attributes).toMatchObject({
      'inboard.attempts': 2,
      'rpc.status_code': 'OK',
    });
    expect(attempts()).toEqual([
      [1, 'UNAVAILABLE', SpanStatusCode.ERROR],
      [2, 'OK', SpanStatusCode.UNSET],
    ]);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('an attempt that another one overtook has not failed, and ends', async () => {
    let arrived = 0;
    const unarySafe: ShapesImplementation['unarySafe'] = ({ sample }, { signal }) => {
      if (arrived++ > 0) return Promise.resolve({ sample });
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const methods = { unarySafe: { hedge: { delayMs: 20, extra: 1 } } };
    await using pair = await tracedPair({ unarySafe }, { client: { methods } });
    await pair.client.unarySafe({});
    await sdk.settled(5);
    expect(attempts()).toEqual([
      [1, 'CANCELLED', SpanStatusCode.UNSET],
      [2, 'OK', SpanStatusCode.UNSET],
    ]);
    expect(sdk.spans.of('CLIENT')).toHaveLength(1);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('a rejection by this process says by what, and has no attempt but for the breaker', async () => {
    const methods = { unary: { rateLimit: { perSecond: 0.001, burst: 1 }, retry: false } } as const;
    await using pair = await tracedPair({}, { client: { methods } });
    await pair.client.unary({});
    await rejection(pair.client.unary({}));
    await sdk.settled(4);
    expect(sdk.spans.of('CLIENT')[1]?.attributes).toMatchObject({
      'inboard.rejected': 'rate_limited',
      'inboard.attempts': 0,
      'rpc.status_code': 'RESOURCE_EXHAUSTED',
    });
    expect(sdk.spans.of('INTERNAL')).toHaveLength(1);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('an attempt that the breaker refuses says so, and names no endpoint', async () => {
    const unary = (): never => {
      throw new ServerError(Status.INTERNAL, 'broken');
    };
    const breaker = { minCalls: 1, failureRatio: 0.5 };
    const methods = { unary: { breaker, retry: false } } as const;
    await using pair = await tracedPair({ unary }, { client: { methods } });
    await rejection(pair.client.unary({}));
    await rejection(pair.client.unary({}));
    await sdk.settled(5);
    expect(sdk.spans.of('INTERNAL')[1]?.attributes).toEqual({
      'inboard.attempt': 1,
      'inboard.rejected': 'circuit_open',
      'rpc.status_code': 'UNAVAILABLE',
      [ATTR_ERROR_TYPE]: 'UNAVAILABLE',
    });
    expect(sdk.spans.of('CLIENT')[1]?.attributes['inboard.rejected']).toBe('circuit_open');
    expect(sdk.spans.of('SERVER')).toHaveLength(1);
    expect(sdk.spans.notEndedOnce).toEqual([]);
  });

  test('unknown methods share a name; their paths are cut', async () => {
    await using pair = await tracedPair();
    const path = `no.such.Service/${'M'.repeat(1_000)}`;
    await using raw = rawClient(pair.port);
    await raw.send(callHeaders(`/${path}`));
    await sdk.settled(1);
    const [span] = sdk.spans.of('SERVER');
    expect(span?.name).toBe('grpc');
    expect(span?.attributes).toMatchObject({
      'rpc.method': '_OTHER',
      [ATTR_RPC_METHOD_ORIGINAL]: path.slice(0, 256),
      'rpc.status_code': 'UNIMPLEMENTED',
    });
  });

  test('the trace is on the call for others to mention, where it is recorded', async () => {
    const seen: (string | undefined)[] = [];
    const note: Interceptor<ClientCall> = (next) => (call) => {
      seen.push(call.get(TRACE)?.traceId);
      return next(call);
    };
    const noteServed: Interceptor<ServerCall> = (next) => (call) => {
      seen.push(call.get(TRACE)?.traceId);
      return next(call);
    };
    const options = {
      client: { interceptors: { perCall: [note] } },
      server: { interceptors: { beforeHandler: [noteServed] } },
    };
    await using pair = await tracedPair({}, options);
    await pair.client.unary({});
    await sdk.settled(3);
    const traceId = sdk.spans.ended[0]?.spanContext().traceId;
    expect(seen).toEqual([traceId, traceId]);
    sdk.register({ sampler: new AlwaysOffSampler() });
    await pair.client.unary({});
    expect(seen.slice(2)).toEqual([undefined, undefined]);
    expect(sdk.spans.started).toEqual([]);
  });
});

test('an SDK that is registered after clients and servers were made records their calls', async () => {
  sdk.unregister();
  await using pair = await tracedPair();
  await pair.client.unary({});
  expect(sdk.spans.started).toEqual([]);
  sdk.register();
  await pair.client.unary({});
  await sdk.settled(3);
  const kinds = sdk.spans.started.map(({ kind }) => kind);
  expect(kinds).toEqual([SpanKind.CLIENT, SpanKind.INTERNAL, SpanKind.SERVER]);
});
