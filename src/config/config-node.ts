import { parseDuration } from './duration.ts';
import type { Finding, Path } from './findings.ts';
import { shown } from './findings.ts';

/** What reading a service config brings up. */
export interface ReadingLog {
  /** What makes it invalid. */
  readonly findings: Finding[];
  /** What is valid, and of no effect here. */
  readonly warnings: Finding[];
}

interface NumberRange {
  readonly above?: number;
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
}

/**
 * A value of a JSON document and its place there. Reading one as what it is not notes a finding and
 * gives undefined, as does one that is not there; null stands for not there, as in protobuf's JSON.
 */
export class ConfigNode {
  readonly value: unknown;
  readonly path: Path;
  private readonly log: ReadingLog;

  constructor(value: unknown, path: Path, log: ReadingLog) {
    this.value = value;
    this.path = path;
    this.log = log;
  }

  get given(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** A key of an object; not given where this is none. */
  get(key: string): ConfigNode {
    const value = isObject(this.value) && Object.hasOwn(this.value, key) ? this.value[key] : null;
    return new ConfigNode(value, [...this.path, key], this.log);
  }

  /** The keys of an object. */
  keys(): readonly string[] {
    if (!this.given) return [];
    if (isObject(this.value)) return Object.keys(this.value);
    this.refuse(`is ${shown(this.value)}; give an object`);
    return [];
  }

  items(): readonly ConfigNode[] {
    if (!this.given) return [];
    if (Array.isArray(this.value)) {
      return this.value.map((item, i) => new ConfigNode(item, [...this.path, i], this.log));
    }
    this.refuse(`is ${shown(this.value)}; give a list`);
    return [];
  }

  text(): string | undefined {
    return this.checked((value) => typeof value === 'string', 'a string');
  }

  flag(): boolean | undefined {
    return this.checked((value) => typeof value === 'boolean', 'true or false');
  }

  number(range: NumberRange): number | undefined {
    const { above = -Infinity, min = -Infinity, max = Infinity, whole = false } = range;
    const fits = (value: unknown): value is number =>
      typeof value === 'number' &&
      value > above &&
      value >= min &&
      value <= max &&
      (!whole || Number.isInteger(value));
    const bounds = [
      'above' in range ? `above ${above}` : '',
      'min' in range ? `of at least ${min}` : '',
      'max' in range ? `of at most ${max}` : '',
    ].filter((bound) => bound !== '');
    return this.checked(fits, `a ${whole ? 'whole ' : ''}number ${bounds.join(' and ')}`);
  }

  /** In ms, and above 0 unless `zero` is fine. */
  durationMs(zero: 'zero' | 'positive' = 'positive'): number | undefined {
    if (!this.given) return undefined;
    const ms = typeof this.value === 'string' ? parseDuration(this.value) : undefined;
    if (ms !== undefined && (ms > 0 || zero === 'zero')) return ms;
    const least = zero === 'zero' ? '' : ' above 0';
    this.refuse(`is ${shown(this.value)}; give a number of seconds${least} as "1.5s"`);
    return undefined;
  }

  refuse(message: string, onKey = false): void {
    this.log.findings.push({ path: this.path, message, onKey });
  }

  warn(message: string): void {
    this.log.warnings.push({ path: this.path, message, onKey: true });
  }

  private checked<T>(fits: (value: unknown) => value is T, expected: string): T | undefined {
    if (!this.given) return undefined;
    if (fits(this.value)) return this.value;
    this.refuse(`is ${shown(this.value)}; give ${expected}`);
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
