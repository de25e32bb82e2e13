/** Where one value of a policy comes from, the weakest first. */
export type PolicyOrigin =
  | 'default'
  | 'contract'
  | 'code.defaults'
  | 'code.methods'
  | 'code.channel'
  | 'file.defaults'
  | 'file.service'
  | 'file.method'
  | 'file.channel';

/** One source of policy. */
export interface Layer {
  readonly origin: PolicyOrigin;
  readonly policy: object | undefined;
}

type Values = Readonly<Record<string, unknown>>;

/**
 * Lays policies over each other, the weakest first, value by value, and keeps for each the origin
 * that it is from. `false` turns a concept off; an object in a stronger policy turns it on again,
 * with the values that the weaker ones gave.
 */
export class Merge {
  /** By key (`timeoutMs`), concept (`retry`: who turned it on or off) and path (`retry.codes`). */
  readonly sources: Record<string, PolicyOrigin> = {};
  private readonly layers: readonly Layer[];

  constructor(layers: readonly Layer[]) {
    this.layers = layers;
  }

  /** The strongest value of a key that is taken as a whole. */
  value<T>(key: string, byDefault: T, origin: PolicyOrigin = 'default'): T {
    let value = byDefault;
    this.sources[key] = origin;
    for (const layer of this.layers) {
      const given = (layer.policy as Values | undefined)?.[key];
      if (given === undefined) continue;
      value = given as T;
      this.sources[key] = layer.origin;
    }
    return value;
  }

  /** All values of a concept; undefined where it is off. */
  concept<T extends object>(
    key: string,
    byDefault: 'on' | 'off',
    defaults: Partial<T>,
  ): T | undefined {
    const origins: Record<string, PolicyOrigin> = {};
    note(origins, key, defaults, 'default');
    let on = byDefault === 'on';
    let values = defaults as Values;
    for (const layer of this.layers) {
      const given = (layer.policy as Values | undefined)?.[key] as Values | false | undefined;
      if (given === undefined) continue;
      on = given !== false;
      origins[key] = layer.origin;
      if (given === false) continue;
      values = overlay(values, given);
      note(origins, key, given, layer.origin);
    }
    if (on) Object.assign(this.sources, origins);
    else this.sources[key] = origins[key] ?? 'default';
    return on ? (values as T) : undefined;
  }
}

function note(
  origins: Record<string, PolicyOrigin>,
  path: string,
  values: object,
  origin: PolicyOrigin,
): void {
  origins[path] = origin;
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (isPlain(value)) note(origins, `${path}.${key}`, value, origin);
    else origins[`${path}.${key}`] = origin;
  }
}

function overlay(weak: Values, strong: Values): Values {
  const entries = Object.entries(strong)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const below = weak[key];
      return [key, isPlain(below) && isPlain(value) ? overlay(below, value) : value] as const;
    });
  // fromEntries and spread define keys, so that one called __proto__ is a key like any other.
  return { ...weak, ...Object.fromEntries(entries) };
}

function isPlain(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
