import type { BreakerState } from '../../policies/breaker.ts';
import type { FamilyOptions } from './family.ts';
import type { AttemptTotals, FollowedParts } from './followed-parts.ts';
import type { LabelCache, LabelSet } from './labels.ts';

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 };

/** What clients did beyond the calls that they were asked for, and the states of their circuits. */
export function clientFamilies(parts: FollowedParts, labels: LabelCache): readonly FamilyOptions[] {
  const totals = (
    name: string,
    help: string,
    valueOf: (total: AttemptTotals) => number,
  ): FamilyOptions => ({
    name: `inboard_client_${name}_total`,
    help,
    type: 'counter',
    collect: (series) => {
      for (const total of parts.attemptTotals().values()) {
        if (total.attempts > 0) series.add(labels.of(total.method).short, valueOf(total));
      }
    },
  });
  return [
    totals('attempts', 'Attempts, the first of each call included.', (t) => t.attempts),
    totals('retries', 'Attempts after one that failed.', (t) => t.retries),
    totals(
      'transparent_retries',
      'Attempts that replaced one that no server had processed.',
      (t) => t.transparent,
    ),
    totals('hedges', 'Attempts made while another was open.', (t) => t.hedges),
    totals(
      'retries_over_budget',
      "Attempts not made because the channel's retry budget was spent.",
      (t) => t.overBudget,
    ),
    {
      name: 'inboard_client_circuit_state',
      help: '0 closed, 1 half-open, 2 open; of several clients, the worst.',
      type: 'gauge',
      collect: (series) => {
        for (const [own, state] of circuitStates(parts, labels)) series.add(own, state);
      },
    },
    {
      name: 'inboard_client_circuit_opened_total',
      help: 'How often a circuit went from closed to open.',
      type: 'counter',
      collect: (series) => {
        for (const { method, target, opened } of parts.circuitCounts()) {
          series.add(labels.of(method).with('target', target), opened);
        }
      },
    },
  ];
}

function circuitStates(parts: FollowedParts, labels: LabelCache): ReadonlyMap<LabelSet, number> {
  const states = new Map<LabelSet, number>();
  for (const { byPath, channel } of parts.clients()) {
    const target = parts.targetLabel(channel.target);
    for (const { state } of byPath.values()) {
      if (state.breaker === undefined) continue;
      const own = labels.of(state.method).with('target', target);
      const worst = Math.max(states.get(own) ?? 0, STATES[state.breaker.snapshot().state]);
      states.set(own, worst);
    }
  }
  return states;
}
