import { Channel } from '../../channel/channel.ts';
import { BoundMethods } from '../../client/bound-methods.ts';
import type { MethodState } from '../../client/method-state.ts';
import type { Method } from '../../core/method.ts';
import type { LivePart, LiveParts } from '../../core/telemetry.ts';
import { Server } from '../../server/server.ts';

/** What was done for the calls of a method, by all clients that there are and were. */
export interface AttemptTotals {
  readonly method: Method;
  /** Attempts, the first of each call included. */
  readonly attempts: number;
  /** Attempts after one that failed. */
  readonly retries: number;
  /** Attempts that replaced one that no server had processed. */
  readonly transparent: number;
  /** Attempts made while another was open. */
  readonly hedges: number;
  /** Attempts not made because the channel's budget was spent. */
  readonly overBudget: number;
}

/** How often a method's circuits to a target have opened. */
export interface CircuitCount {
  readonly method: Method;
  readonly target: string;
  readonly opened: number;
}

/** Calls to one endpoint of a target. */
export interface EndpointCount {
  readonly picks: number;
  readonly failures: number;
}

/** What those of further targets share. */
const OTHER = 'other';

/** The parts of the runtimes that are followed, and what those have counted that are closed. */
export class FollowedParts {
  private readonly followed: LiveParts[] = [];
  private readonly maxTargets: number;
  private readonly maxEndpoints: number;
  private readonly targets = new Set<string>();
  private readonly closedAttempts = new Map<string, AttemptTotals>();
  private readonly closedCircuits = new Map<string, CircuitCount>();
  private readonly closedEjections = new Map<string, number>();
  /** By target's label, then by address. */
  private readonly closedEndpoints = new Map<string, Map<string, EndpointCount>>();

  constructor(maxTargets: number, maxEndpoints: number) {
    this.maxTargets = maxTargets;
    this.maxEndpoints = maxEndpoints;
  }

  follow(parts: LiveParts): void {
    this.followed.push(parts);
    parts.onLeave((part) => this.keep(part));
  }

  /** A target's label: its own for the first of them, so that a series stays what it was. */
  targetLabel(target: string): string {
    if (this.targets.has(target)) return target;
    if (this.targets.size >= this.maxTargets) return OTHER;
    this.targets.add(target);
    return target;
  }

  *channels(): Generator<Channel> {
    for (const part of this.all()) if (part instanceof Channel) yield part;
  }

  *clients(): Generator<BoundMethods> {
    for (const part of this.all()) if (part instanceof BoundMethods) yield part;
  }

  *servers(): Generator<Server> {
    for (const part of this.all()) if (part instanceof Server) yield part;
  }

  /** By path. */
  attemptTotals(): ReadonlyMap<string, AttemptTotals> {
    const totals = new Map(this.closedAttempts);
    for (const client of this.clients()) addAttempts(totals, client);
    return totals;
  }

  /** How often circuits have opened. */
  circuitCounts(): Iterable<CircuitCount> {
    const counts = new Map(this.closedCircuits);
    for (const client of this.clients()) this.addCircuits(counts, client);
    return counts.values();
  }

  /** How often endpoints were ejected, by the target's label. */
  ejectionCounts(): ReadonlyMap<string, number> {
    const counts = new Map(this.closedEjections);
    for (const channel of this.channels()) this.addEjections(counts, channel);
    return counts;
  }

  /** What channels that are closed had counted of an endpoint. */
  closedEndpoint(target: string, address: string): EndpointCount | undefined {
    return this.closedEndpoints.get(target)?.get(address);
  }

  private *all(): Generator<LivePart> {
    for (const parts of this.followed) yield* parts;
  }

  /** Counters never go back: what a part has counted stays when it goes. */
  private keep(part: LivePart): void {
    if (part instanceof BoundMethods) {
      addAttempts(this.closedAttempts, part);
      this.addCircuits(this.closedCircuits, part);
    } else if (part instanceof Channel) {
      this.addEjections(this.closedEjections, part);
      this.keepEndpoints(part);
    }
  }

  private addCircuits(counts: Map<string, CircuitCount>, { byPath, channel }: BoundMethods): void {
    const target = this.targetLabel(channel.target);
    for (const { state } of byPath.values()) {
      const { method, breaker, circuitsOpened } = state;
      // A counter never goes back, nor away: a policy may take the breaker off that has opened.
      if (breaker === undefined && circuitsOpened === 0) continue;
      const key = `${method.path} ${target}`;
      const opened = (counts.get(key)?.opened ?? 0) + circuitsOpened;
      counts.set(key, { method, target, opened });
    }
  }

  private keepEndpoints(channel: Channel): void {
    const target = this.targetLabel(channel.target);
    const counts = this.closedEndpoints.get(target) ?? new Map<string, EndpointCount>();
    this.closedEndpoints.set(target, counts);
    for (const { address, picks, failures } of channel.snapshot().endpoints) {
      const before = counts.get(address);
      if (before === undefined && counts.size >= this.maxEndpoints) continue;
      counts.set(address, {
        picks: picks + (before?.picks ?? 0),
        failures: failures + (before?.failures ?? 0),
      });
    }
  }

  private addEjections(counts: Map<string, number>, channel: Channel): void {
    const target = this.targetLabel(channel.target);
    counts.set(target, (counts.get(target) ?? 0) + channel.snapshot().ejections);
  }
}

function addAttempts(totals: Map<string, AttemptTotals>, { byPath }: BoundMethods): void {
  for (const { state } of byPath.values()) {
    const { path } = state.method;
    totals.set(path, sum(totals.get(path), state));
  }
}

function sum(before: AttemptTotals | undefined, { method, counters }: MethodState): AttemptTotals {
  const { calls, attempts, transparent, hedges, overBudget } = counters;
  const retries = attempts - calls - transparent - hedges;
  return {
    method,
    attempts: attempts + (before?.attempts ?? 0),
    retries: retries + (before?.retries ?? 0),
    transparent: transparent + (before?.transparent ?? 0),
    hedges: hedges + (before?.hedges ?? 0),
    overBudget: overBudget + (before?.overBudget ?? 0),
  };
}
