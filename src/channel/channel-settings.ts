import type { EjectionPolicy, RetryBudgetPolicy, SlowStartPolicy } from '../policies/policy.ts';
import type { BalancerFactory } from './balancer.ts';

/** A channel's policy with every value settled; undefined is off. */
export interface ChannelSettings {
  readonly balancer: BalancerFactory;
  /** How the balancer is called where people look. */
  readonly balancerName: string;
  readonly retryBudget: RetryBudgetPolicy | undefined;
  readonly ejection: EjectionPolicy | undefined;
  readonly slowStart: SlowStartPolicy | undefined;
  readonly healthCheck: { readonly service: string } | undefined;
}
