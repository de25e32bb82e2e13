import type { Method } from '../core/method.ts';
import { Bulkhead, checkBulkhead } from '../policies/bulkhead.ts';
import { checkFaults } from '../policies/faults.ts';
import type { BulkheadPolicy, FaultPolicy } from '../policies/policy.ts';
import type { ServerMethodPolicy } from './options.ts';

type Policies = Readonly<Record<string, ServerMethodPolicy>>;

/** What a server was told of single methods, and the state that goes with it. */
export class MethodPolicies {
  private readonly policies: Policies;
  private readonly made = new Map<string, Bulkhead>();

  constructor(policies: Policies) {
    this.policies = policies;
    for (const [name, { bulkhead, faults }] of Object.entries(policies)) {
      const key = `methods['${name}']`;
      if (bulkhead !== undefined) checkBulkhead(`${key}.bulkhead`, complete(bulkhead));
      if (faults !== undefined) checkFaults(`${key}.faults`, faults);
    }
  }

  /** The bulkheads of the methods that have one, by `package.Service/Method`. */
  get bulkheads(): ReadonlyMap<string, Bulkhead> {
    return this.made;
  }

  /** The bulkhead of a method; where its service is named, each method has one of its own. */
  bulkheadOf(method: Method): Bulkhead | undefined {
    const [own, all] = this.of(method);
    const policy = own?.bulkhead ?? all?.bulkhead;
    if (policy === undefined) return undefined;
    const bulkhead = new Bulkhead(complete(policy));
    this.made.set(`${method.service}/${method.name}`, bulkhead);
    return bulkhead;
  }

  faultsOf(method: Method): readonly FaultPolicy[] | undefined {
    const [own, all] = this.of(method);
    return own?.faults ?? all?.faults;
  }

  /** What is said of the method and of its service; the more exact one counts. */
  private of({ service, name }: Method): (ServerMethodPolicy | undefined)[] {
    const { policies } = this;
    return [`${service}/${name}`, service].map((key) =>
      Object.hasOwn(policies, key) ? policies[key] : undefined,
    );
  }
}

function complete(policy: NonNullable<ServerMethodPolicy['bulkhead']>): BulkheadPolicy {
  return { queue: 0, ...policy };
}
