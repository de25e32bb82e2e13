import type { Call } from '../src/core/call.ts';
import { bind, type Handler, type Interceptor } from '../src/core/interceptor.ts';
import type { Method } from '../src/core/method.ts';
import { type Spread, spread } from './stats.ts';
import { figure, formatTable } from './table.ts';

/** What a bound no-op layer may cost a call. */
const BAR_NS = 100;
const LAYERS = 10;
/** Methods that share the layers' code, enough that no call site sees only a few targets. */
const METHODS = 10;

export interface LayersResult {
  readonly layers: number;
  /** Per call through all layers and through none, awaited. */
  readonly withLayersNs: Spread;
  readonly withoutLayersNs: Spread;
  readonly layerNs: Spread;
  readonly met: boolean;
}

/** The cost of one layer that does nothing, from stacks of ten and of none, run in turn. */
export async function runLayers(quick: boolean): Promise<LayersResult> {
  const runs = quick ? 11 : 31;
  const calls = quick ? 50_000 : 200_000;
  const bare = bindStacks([]);
  const layered = bindStacks(noOpLayers());
  const without: number[] = [];
  const withLayers: number[] = [];
  // The first run of each is the warm-up.
  for (let run = 0; run <= runs; run++) {
    const withoutNs = await timePerCall(bare, calls);
    const withLayersNs = await timePerCall(layered, calls);
    if (run === 0) continue;
    without.push(withoutNs);
    withLayers.push(withLayersNs);
  }
  const each = spread(withLayers.map((ns, run) => (ns - (without[run] ?? Number.NaN)) / LAYERS));
  const result: LayersResult = {
    layers: LAYERS,
    withLayersNs: spread(withLayers),
    withoutLayersNs: spread(without),
    layerNs: each,
    met: each.median < BAR_NS,
  };
  process.stdout.write(formatResult(result, runs));
  return result;
}

/** Ten functions and not ten closures of one, as in a real stack. */
function noOpLayers(): Interceptor<Call>[] {
  return [
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
    (next) => (call) => next(call),
  ];
}

/**
 * One stack a method, each with the layers in another order. Layers leave themselves out where
 * they do not apply, so in a real client too `next` is another function at each method; with one
 * stack alone V8 would inline all ten layers into one and the answer would be nothing.
 */
function bindStacks(layers: readonly Interceptor<Call>[]): Handler<Call>[] {
  // No layer here looks into it, and a real one would need a whole client.
  const method = {} as Method;
  const answer = Promise.resolve('answer');
  return Array.from({ length: METHODS }, (_, index) => {
    const rotated = [...layers.slice(index), ...layers.slice(0, index)];
    return bind<Call>(rotated, method, () => answer);
  });
}

async function timePerCall(stacks: readonly Handler<Call>[], calls: number): Promise<number> {
  const call = {} as Call;
  const begin = process.hrtime.bigint();
  for (let index = 0; index < calls; index += stacks.length) {
    for (const stack of stacks) await stack(call);
  }
  return Number(process.hrtime.bigint() - begin) / calls;
}

function formatResult(result: LayersResult, runs: number): string {
  const line = (name: string, { min, median, max }: Spread): string[] => [
    name,
    figure(median),
    `(${figure(min)} – ${figure(max)})`,
  ];
  const table = formatTable([
    ['ns', 'median', '(min – max)'],
    line('a call through no layer', result.withoutLayersNs),
    line(`a call through ${LAYERS} layers`, result.withLayersNs),
    line('one layer', result.layerNs),
  ]);
  const verdict = result.met ? 'met' : 'MISSED';
  return `\n${table}${runs} runs in turn; asked < ${BAR_NS} ns a layer: ${verdict}\n`;
}
