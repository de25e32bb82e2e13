import type { EndpointState } from '../../channel/balancer.ts';
import type { EndpointSnapshot } from '../../channel/channel-snapshot.ts';
import type { FamilyOptions, FamilyType } from './family.ts';
import type { EndpointCount, FollowedParts } from './followed-parts.ts';
import { LabelSet } from './labels.ts';

/** Those that an endpoint of a list can be in: each has a series, also where none is in it. */
const STATES: readonly EndpointState[] = ['idle', 'connecting', 'ready', 'unhealthy', 'backoff'];

/** All channels of one target, taken together. */
interface TargetState {
  budget: number | undefined;
  panic: boolean;
  /** Whether a look-up has come to something: a channel looks its target up at its first call. */
  lookedUp: boolean;
  readonly states: Map<EndpointState, number>;
  /** By address; of several channels, each has its own view of an endpoint. */
  readonly endpoints: Map<string, EndpointSnapshot[]>;
}

type Views = readonly EndpointSnapshot[];

/** What channels know of their endpoints. */
export function channelFamilies(
  parts: FollowedParts,
  maxEndpoints: number,
): readonly FamilyOptions[] {
  return [...targetFamilies(parts, maxEndpoints), ...endpointFamilies(parts, maxEndpoints)];
}

function targetFamilies(parts: FollowedParts, maxEndpoints: number): readonly FamilyOptions[] {
  const perTarget = (
    name: string,
    help: string,
    valueOf: (state: TargetState) => number | undefined,
  ): FamilyOptions => ({
    name: `inboard_channel_${name}`,
    help,
    type: 'gauge',
    collect: (series) => {
      for (const [target, state] of targetStates(parts, maxEndpoints)) {
        const value = valueOf(state);
        if (value !== undefined) series.add(new LabelSet({ target }), value);
      }
    },
  });
  return [
    perTarget('retry_budget', 'Further attempts that may be made now.', ({ budget }) => budget),
    perTarget(
      'panic',
      '1 while so few endpoints are left that ejections are ignored.',
      ({ panic }) => Number(panic),
    ),
    {
      name: 'inboard_channel_endpoints',
      help: 'Endpoints, by their state.',
      type: 'gauge',
      collect: (series) => {
        for (const [target, { lookedUp, states }] of targetStates(parts, maxEndpoints)) {
          // No endpoint where nobody has looked for one is not the same as none after a look-up.
          if (!lookedUp) continue;
          for (const [state, count] of states) series.add(new LabelSet({ target, state }), count);
        }
      },
    },
    {
      name: 'inboard_channel_ejections_total',
      help: 'How often endpoints were ejected.',
      type: 'counter',
      collect: (series) => {
        for (const [target, count] of parts.ejectionCounts())
          series.add(new LabelSet({ target }), count);
      },
    },
  ];
}

function endpointFamilies(parts: FollowedParts, maxEndpoints: number): readonly FamilyOptions[] {
  const perEndpoint = (
    name: string,
    type: FamilyType,
    help: string,
    valueOf: (views: Views, closed: EndpointCount | undefined) => number | undefined,
  ): FamilyOptions => ({
    name: `inboard_endpoint_${name}`,
    help,
    type,
    collect: (series) => {
      for (const [target, { endpoints }] of targetStates(parts, maxEndpoints)) {
        for (const [endpoint, views] of endpoints) {
          const value = valueOf(views, parts.closedEndpoint(target, endpoint));
          if (value !== undefined) series.add(new LabelSet({ target, endpoint }), value);
        }
      }
    },
  });
  return [
    perEndpoint('in_flight', 'gauge', 'Calls that it was picked for and that are not over.', (v) =>
      total(v.map(({ inFlight }) => inFlight)),
    ),
    perEndpoint('latency_seconds', 'gauge', 'What a call is expected to take.', latencySeconds),
    perEndpoint('weight', 'gauge', 'How much of its fair share it gets, 0 to 1.', (v) =>
      Math.min(...v.map(({ weight }) => weight)),
    ),
    perEndpoint('ejected', 'gauge', '1 while it is ejected.', (v) =>
      Number(v.some(({ ejectedUntilMs }) => ejectedUntilMs !== undefined)),
    ),
    perEndpoint('picks_total', 'counter', 'Calls that went to it.', (v, closed) =>
      total([closed?.picks ?? 0, ...v.map(({ picks }) => picks)]),
    ),
    perEndpoint('failures_total', 'counter', 'Calls that count against it.', (v, closed) =>
      total([closed?.failures ?? 0, ...v.map(({ failures }) => failures)]),
    ),
  ];
}

function targetStates(
  parts: FollowedParts,
  maxEndpoints: number,
): ReadonlyMap<string, TargetState> {
  const targets = new Map<string, TargetState>();
  for (const channel of parts.channels()) {
    const label = parts.targetLabel(channel.target);
    const state = targets.get(label) ?? newState();
    targets.set(label, state);
    const { retryBudget, panic, endpoints, resolutionError } = channel.snapshot();
    state.lookedUp ||= endpoints.length > 0 || resolutionError !== undefined;
    if (retryBudget !== undefined) state.budget = (state.budget ?? 0) + retryBudget;
    state.panic ||= panic;
    for (const endpoint of endpoints) addEndpoint(state, endpoint, maxEndpoints);
  }
  return targets;
}

function newState(): TargetState {
  const states = new Map(STATES.map((state) => [state, 0]));
  return { budget: undefined, panic: false, lookedUp: false, states, endpoints: new Map() };
}

function addEndpoint(state: TargetState, endpoint: EndpointSnapshot, maxEndpoints: number): void {
  const { states, endpoints } = state;
  states.set(endpoint.state, (states.get(endpoint.state) ?? 0) + 1);
  const views = endpoints.get(endpoint.address);
  if (views !== undefined) views.push(endpoint);
  else if (endpoints.size < maxEndpoints) endpoints.set(endpoint.address, [endpoint]);
}

/** The longest that any of them expects. */
function latencySeconds(views: Views): number | undefined {
  const known = views.flatMap(({ latencyMs }) => latencyMs ?? []);
  return known.length === 0 ? undefined : Math.max(...known) / 1000;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
