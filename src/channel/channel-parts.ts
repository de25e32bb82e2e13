import type { CallCredentials } from '../core/credentials.ts';
import type { Runtime } from '../core/runtime.ts';
import type { ConnectOptions, Transport } from '../core/transport.ts';
import type { ChannelPolicy } from '../policies/policy.ts';
import type { ChannelSettings } from './channel-settings.ts';
import type { Resolver } from './resolver.ts';

/** What a channel is made of; `createChannel` puts it together. */
export interface ChannelParts {
  /** As people may see it. */
  readonly target: string;
  readonly resolver: Resolver;
  readonly transport: Transport;
  readonly callCredentials: CallCredentials | undefined;
  readonly connectOptions: Omit<ConnectOptions, 'authority' | 'serverName' | 'runtime'>;
  readonly runtime: Runtime;
  /** A policy laid over what the channel was made with. Throws a `ConfigError`. */
  readonly settingsOf: (policy: ChannelPolicy) => ChannelSettings;
}

/** Where a channel's policy may come from while it is in use. */
export interface ChannelPolicySource {
  readonly current: { readonly channel?: ChannelPolicy };
  onChange(listener: () => void): () => void;
}
