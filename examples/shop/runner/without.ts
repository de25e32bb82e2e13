import type {
  ChannelPolicy,
  MethodPolicy,
  PolicyDocument,
  PolicySource,
} from '../../../src/index.ts';

/** What `--without` can take out of the policy, to see what it was good for. */
export const FEATURES = ['retry', 'hedge', 'breaker', 'ejection', 'health'] as const;

export type Feature = (typeof FEATURES)[number];

/** A hedge is a second attempt too: without retries there is none either. */
const METHOD_KEYS: Readonly<Record<Feature, readonly (keyof MethodPolicy)[]>> = {
  retry: ['retry', 'hedge'],
  hedge: ['hedge'],
  breaker: ['breaker'],
  ejection: [],
  health: [],
};

const CHANNEL_KEYS: Readonly<Record<Feature, readonly (keyof ChannelPolicy)[]>> = {
  retry: [],
  hedge: [],
  breaker: [],
  ejection: ['ejection'],
  health: ['healthCheck'],
};

/** The same policy, now and after each change, with some of its features off. */
export function without(source: PolicySource, features: readonly Feature[]): PolicySource {
  if (features.length === 0) return source;
  return {
    get current() {
      return turnOff(source.current, features);
    },
    onChange: (listener) => source.onChange((document) => listener(turnOff(document, features))),
  };
}

function turnOff(document: PolicyDocument, features: readonly Feature[]): PolicyDocument {
  const off = (keys: readonly string[]): Record<string, false> =>
    Object.fromEntries(keys.map((key) => [key, false]));
  const methodOff = off(features.flatMap((feature) => METHOD_KEYS[feature]));
  const channelOff = off(features.flatMap((feature) => CHANNEL_KEYS[feature]));
  const methods = Object.entries(document.methods ?? {}).map(
    ([name, policy]): [string, MethodPolicy] => [name, { ...policy, ...methodOff }],
  );
  return {
    defaults: { ...document.defaults, ...methodOff },
    methods: Object.fromEntries(methods),
    channel: { ...document.channel, ...channelOff },
  };
}

/** A list of features as the command line gives it; throws what is wrong with it, in a sentence. */
export function parseFeatures(list: string | undefined): Feature[] {
  if (list === undefined) return [];
  return list.split(',').map((name) => {
    const feature = FEATURES.find((known) => known === name.trim());
    if (feature !== undefined) return feature;
    throw new Error(`--without takes some of ${FEATURES.join(',')}; not '${name}'`);
  });
}
