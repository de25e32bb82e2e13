import { LabelSet } from '../metrics/labels.ts';

/** What callers without a place of their own share. */
const OTHER = 'other';

/** How often one caller used one part. */
export interface CallerUses {
  readonly caller: string;
  readonly labels: LabelSet;
  /** Calls; of a field, request messages in which it was set. */
  calls: number;
  /** When it did last, on the runtime's clock, in ms. */
  lastMs: number;
}

/** A method or a field that is deprecated, and who uses it. */
export class DeprecatedPart {
  /** `package.Service/Method`. */
  readonly method: string;
  /** The full name of a field of its request; empty for the method itself. */
  readonly field: string;
  private readonly maxCallers: number;
  private readonly own = new Map<string, CallerUses>();
  private other: CallerUses | undefined = undefined;

  /** `maxCallers`: how many have a place of their own: the first that come, for good. */
  constructor(method: string, field: string, maxCallers: number) {
    this.method = method;
    this.field = field;
    this.maxCallers = maxCallers;
  }

  *uses(): Generator<CallerUses> {
    yield* this.own.values();
    if (this.other !== undefined) yield this.other;
  }

  count(caller: string, nowMs: number): void {
    const uses = this.usesOf(caller);
    uses.calls++;
    uses.lastMs = nowMs;
  }

  private usesOf(caller: string): CallerUses {
    const known = this.own.get(caller);
    if (known !== undefined) return known;
    if (caller === OTHER || this.own.size >= this.maxCallers) {
      this.other ??= this.none(OTHER);
      return this.other;
    }
    const uses = this.none(caller);
    this.own.set(caller, uses);
    return uses;
  }

  private none(caller: string): CallerUses {
    const { method, field } = this;
    return { caller, labels: new LabelSet({ method, field, caller }), calls: 0, lastMs: 0 };
  }
}
