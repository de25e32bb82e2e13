import {
  BidiRequest,
  ServerStreamRequest,
  UnaryRequest,
} from '../generated/inboard/testing/v1/shapes.ts';
import type { PeerClient } from './peers/peer.ts';
import { cpuMicros, cpuTime, type SliceReport } from './protocol.ts';
import { Samples } from './stats.ts';
import type { Workload } from './workloads.ts';

/** What the loops of one slice share. */
interface Slice {
  readonly workload: Workload;
  readonly durations: Samples;
  /** On the clock of performance.now(); no operation starts after it. */
  readonly until: number;
  count: number;
}

/**
 * Keeps the workload's number of calls in flight for `durationMs`: a closed loop, the same code
 * whatever library is behind the clients. The calls in flight at the end are waited for and count.
 */
export async function runSlice(
  clients: readonly PeerClient[],
  workload: Workload,
  durationMs: number,
): Promise<SliceReport> {
  const cpuBefore = cpuMicros(cpuTime());
  const begin = performance.now();
  const slice: Slice = { workload, durations: new Samples(), until: begin + durationMs, count: 0 };
  const loop = loops[workload.kind];
  const running = clients.flatMap((client) =>
    Array.from({ length: workload.inFlight }, () => loop(client, slice)),
  );
  await Promise.all(running);
  const elapsedMs = performance.now() - begin;
  const cpu = cpuMicros(cpuTime()) - cpuBefore;
  const [p50Ms = Number.NaN, p99Ms = Number.NaN] = slice.durations.quantiles([0.5, 0.99]);
  return { count: slice.count, elapsedMs, p50Ms, p99Ms, cpuMicros: cpu };
}

const loops: Record<Workload['kind'], (client: PeerClient, slice: Slice) => Promise<void>> = {
  unary: loopUnary,
  'server-stream': loopServerStream,
  bidi: playBidi,
};

async function loopUnary(client: PeerClient, slice: Slice): Promise<void> {
  const { durations, until, workload } = slice;
  const request = UnaryRequest.fromPartial({ sample: sampleFor(workload) });
  let started = performance.now();
  do {
    const response = await client.unary(request);
    const now = performance.now();
    checkPayload(response, workload);
    durations.add(now - started);
    slice.count++;
    started = now;
  } while (started < until);
}

async function loopServerStream(client: PeerClient, slice: Slice): Promise<void> {
  const { durations, until, workload } = slice;
  const count = workload.messagesPerCall;
  const request = ServerStreamRequest.fromPartial({ sample: sampleFor(workload), count });
  let started = performance.now();
  do {
    let received = 0;
    await client.serverStream(request, (message) => {
      checkPayload(message, workload);
      received++;
    });
    if (received !== count) throw new Error(`${received} messages of ${count} arrived`);
    const now = performance.now();
    durations.add(now - started);
    slice.count += received;
    started = now;
  } while (started < until);
}

async function playBidi(client: PeerClient, slice: Slice): Promise<void> {
  const { durations, until, workload } = slice;
  const request = BidiRequest.fromPartial({ sample: sampleFor(workload) });
  let started = performance.now();
  await client.bidi(request, (message) => {
    const now = performance.now();
    checkPayload(message, workload);
    durations.add(now - started);
    slice.count++;
    started = now;
    return now < until ? request : undefined;
  });
}

function sampleFor({ payloadBytes }: Workload): { text: string; payload: Buffer } {
  return { text: 'order-0000000042', payload: Buffer.alloc(payloadBytes, 'inboard.') };
}

/** A fast wrong answer must not count. */
function checkPayload(
  message: { readonly sample: { readonly payload: Buffer } | undefined },
  { payloadBytes }: Workload,
): void {
  const length = message.sample?.payload.length;
  if (length !== payloadBytes) throw new Error(`${length} bytes of ${payloadBytes} came back`);
}
