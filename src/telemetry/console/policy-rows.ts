import type { ChannelPolicySnapshot } from '../../channel/channel-settings.ts';
import type { MethodSnapshot } from '../../client/client-snapshot.ts';
import type { PolicyRow } from './console-state.ts';
import { splitPath } from '../../core/method.ts';

type Values = Readonly<Record<string, unknown>>;

/**
 * What holds for a method, value by value, each with where it is from; behind that, under
 * `channel.`, what holds for all calls over its channel.
 */
export function policyRow(
  target: string,
  { path, policy, sources }: MethodSnapshot,
  channel: ChannelPolicySnapshot,
): PolicyRow {
  const ofChannel = valuesOf(channel.policy, channel.sources);
  const values = [
    ...valuesOf(policy, sources),
    ...ofChannel.map((value) => ({ ...value, key: `channel.${value.key}` })),
  ];
  return { target, ...splitPath(path), values };
}

function valuesOf(policy: object, sources: Readonly<Record<string, string>>): PolicyRow['values'] {
  return Object.entries(sources).flatMap(([key, source]) => {
    const value = valueAt(policy as Values, key);
    // Of a concept that is on, its values are told; the key of the whole tells who turned it off.
    if (isPlain(value)) return [];
    return [{ key, value: value === undefined ? 'off' : told(value), source }];
  });
}

function valueAt(policy: Values, key: string): unknown {
  let value: unknown = policy;
  for (const part of key.split('.')) value = isPlain(value) ? value[part] : undefined;
  return value;
}

function isPlain(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON has no number for it. */
function told(value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? 'Infinity' : value;
}
