import type { BaggageEntry, Context } from '@opentelemetry/api';
import { baggageEntryMetadataFromString, propagation } from '@opentelemetry/api';

/** What of `baggage` (W3C Baggage) may enter and leave: names, compared as they are written. */
export class BaggageFilter {
  private readonly names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.names = new Set(names);
  }

  /** True where nothing may pass. */
  get closed(): boolean {
    return this.names.size === 0;
  }

  /** The context without what may not pass. */
  restrict(context: Context): Context {
    const baggage = propagation.getBaggage(context);
    if (baggage === undefined) return context;
    const refused = baggage.getAllEntries().filter(([name]) => !this.names.has(name));
    if (refused.length === 0) return context;
    const kept = baggage.removeEntries(...refused.map(([name]) => name));
    return kept.getAllEntries().length === 0
      ? propagation.deleteBaggage(context)
      : propagation.setBaggage(context, kept);
  }

  /** The members of a `baggage` header that may pass, as they came; undefined for none. */
  restrictHeader(header: string): string | undefined {
    const kept = header.split(',').filter((member) => this.names.has(nameOf(member)));
    return kept.length === 0 ? undefined : kept.map((member) => member.trim()).join(',');
  }

  /** The context with what a `baggage` header brings; members that do not parse are left out. */
  read(context: Context, header: string): Context {
    const entries: Record<string, BaggageEntry> = {};
    for (const member of header.split(',')) {
      const name = nameOf(member);
      if (!this.names.has(name)) continue;
      const value = valueOf(member);
      if (value !== undefined) entries[name] = value;
    }
    if (Object.keys(entries).length === 0) return context;
    return propagation.setBaggage(context, propagation.createBaggage(entries));
  }

  /** The `baggage` header of a context that was restricted; undefined for none. */
  format(context: Context): string | undefined {
    const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
    if (entries.length === 0) return undefined;
    return entries
      .map(([name, { value, metadata }]) => {
        const member = `${name}=${encodeURIComponent(value)}`;
        return metadata === undefined ? member : `${member};${metadata.toString()}`;
      })
      .join(',');
  }
}

function nameOf(member: string): string {
  return (member.split('=', 1)[0] ?? '').trim();
}

function valueOf(member: string): BaggageEntry | undefined {
  const [pair = '', ...properties] = member.split(';');
  const at = pair.indexOf('=');
  if (at === -1) return undefined;
  try {
    const value = decodeURIComponent(pair.slice(at + 1).trim());
    if (properties.length === 0) return { value };
    return { value, metadata: baggageEntryMetadataFromString(properties.join(';').trim()) };
  } catch {
    return undefined;
  }
}
