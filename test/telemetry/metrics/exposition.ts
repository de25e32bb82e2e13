import type { Metrics, Runtime } from '../../../src/index.ts';
import { metricsOf } from '../../../src/index.ts';

export const SERVICE = 'inboard.testing.v1.ShapesService';

const LINE =
  /^(?<name>[a-zA-Z_:][\w:]*)(?:\{(?<labels>(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (?<value>\S+)$/;
const COMMENT =
  /^# (?:HELP [a-zA-Z_:][\w:]* \S.*|TYPE [a-zA-Z_:][\w:]* (?:counter|gauge|histogram|summary))$/;

/** What an exposition says: series, with their labels as they are written, and types of families. */
export interface Exposition {
  readonly series: ReadonlyMap<string, number>;
  readonly types: ReadonlyMap<string, string>;
}

/** Reads the text format 0.0.4 and throws for what is not of it, a series said twice included. */
export function parseExposition(text: string): Exposition {
  const series = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      if (!COMMENT.test(line)) throw new Error(`no comment of the format: ${line}`);
      const [, kind, name = '', type = ''] = line.split(' ');
      if (kind === 'TYPE') types.set(name, type);
      continue;
    }
    const { name, labels, value } = LINE.exec(line)?.groups ?? {};
    if (name === undefined) throw new Error(`no line of the format: ${line}`);
    const key = labels === undefined ? name : `${name}{${labels}}`;
    if (series.has(key)) throw new Error(`said twice: ${key}`);
    series.set(key, Number(value));
  }
  return { series, types };
}

/** The metrics that a runtime keeps. */
export function metricsIn(runtime: Runtime): Metrics {
  const metrics = metricsOf(runtime);
  if (metrics === undefined) throw new Error('this runtime keeps no metrics');
  return metrics;
}

/** Asks a runtime's metrics as a scrape would. */
export async function scrape(runtime: Runtime): Promise<Exposition> {
  return parseExposition(await metricsIn(runtime).registry.metrics());
}

/** Series of the method, without the labels that say which it is: `name` or `name{rest}`. */
export function seriesOf({ series }: Exposition, method: string): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  const own = new RegExp(`(?:grpc_type="\\w+",)?grpc_service="[^"]*",grpc_method="${method}",?`);
  for (const [key, value] of series) {
    if (!own.test(key)) continue;
    found[key.replace(own, '').replace('{}', '')] = value;
  }
  return found;
}
