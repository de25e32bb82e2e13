import type { EjectionPolicy, RetryBudgetPolicy, SlowStartPolicy } from '../policies/policy.ts';
import type { BalancerFactory } from './balancer.ts';

/** A channel's policy with every value settled; undefined is off. */
export interface ChannelSettings {
  readonly balancer: BalancerFactory;
  readonly retryBudget: RetryBudgetPolicy | undefined;
  readonly ejection: EjectionPolicy | undefined;
  readonly slowStart: SlowStartPolicy | undefined;
  readonly healthCheck: { readonly service: string } | undefined;
  /** The same for people who look. */
  readonly told: ChannelPolicySnapshot;
}

/** The policy that holds for a channel, and where each of its values is from. */
export interface ChannelPolicySnapshot {
  readonly policy: Omit<ChannelSettings, 'balancer' | 'told'> & {
    /** The balancer's name; `'custom'` for one of your own. */
    readonly balancer: string;
  };
  /** By dotted key, such as `ejection.baseMs`: `default`, `code.channel` or `file.channel`. */
  readonly sources: Readonly<Record<string, string>>;
}
