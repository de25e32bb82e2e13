import type { Method } from '../../core/method.ts';
import { CODE_NAMES } from './codes.ts';

/** Label values by name. */
export type Labels = Readonly<Record<string, string>>;

/** Labels of a series, with the text that an exposition has of them. */
export class LabelSet {
  /** `name="value",…`; empty where there are none. */
  readonly text: string;
  private readonly base: LabelSet | undefined;
  private readonly own: Labels;
  private all: Labels | undefined = undefined;

  /** `base`: labels that come before. */
  constructor(own: Labels, base?: LabelSet) {
    this.own = own;
    this.base = base;
    let text = base === undefined ? '' : base.text;
    for (const name in own) {
      text += `${text === '' ? '' : ','}${name}="${escape(own[name] ?? '')}"`;
    }
    this.text = text;
  }

  /** Always the same object: prom-client keeps what it has made of one. */
  get labels(): Labels {
    this.all ??= { ...this.base?.labels, ...this.own };
    return this.all;
  }
}

export const NO_LABELS: LabelSet = new LabelSet({});

/** The label sets of one method, each made once and kept: making them takes most of a scrape. */
export class MethodLabels {
  /** Type, service and method, as go-grpc-prometheus has them. */
  readonly full: LabelSet;
  /** Service and method. */
  readonly short: LabelSet;
  private readonly byCode: LabelSet[] = [];
  private readonly byBounds = new Map<readonly number[], readonly LabelSet[]>();
  private readonly byMore = new Map<string, LabelSet>();

  constructor({ shape, service, name, known }: Method) {
    // What nobody registered may have any name and any shape: all of it is one label set.
    const type = known ? shape : 'unary';
    this.short = new LabelSet({ grpc_service: service, grpc_method: name });
    this.full = new LabelSet({ grpc_type: type, ...this.short.labels });
  }

  code(code: number): LabelSet {
    this.byCode[code] ??= this.also('grpc_code', CODE_NAMES[code] ?? 'Unknown');
    return this.byCode[code];
  }

  /** Of the buckets of a histogram, that of everything last. */
  buckets(boundsMs: readonly number[]): readonly LabelSet[] {
    let sets = this.byBounds.get(boundsMs);
    if (sets === undefined) {
      const bounds = [...boundsMs.map((ms) => String(ms / 1000)), '+Inf'];
      sets = bounds.map((bound) => this.also('le', bound));
      this.byBounds.set(boundsMs, sets);
    }
    return sets;
  }

  /** Service, method, and one more label of which there are few values. */
  with(name: string, value: string): LabelSet {
    const key = `${name}=${value}`;
    let set = this.byMore.get(key);
    if (set === undefined) {
      set = new LabelSet({ [name]: value }, this.short);
      this.byMore.set(key, set);
    }
    return set;
  }

  private also(name: string, value: string): LabelSet {
    return new LabelSet({ [name]: value }, this.full);
  }
}

/** The labels of each method, by its path. */
export class LabelCache {
  private readonly byPath = new Map<string, MethodLabels>();

  of(method: Method): MethodLabels {
    let labels = this.byPath.get(method.path);
    if (labels === undefined) {
      labels = new MethodLabels(method);
      this.byPath.set(method.path, labels);
    }
    return labels;
  }
}

const ESCAPED = /[\\\n"]/;

/** As the text format asks of label values. */
function escape(value: string): string {
  if (!ESCAPED.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
