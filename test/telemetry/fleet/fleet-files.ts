import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const FLEET: string = join(import.meta.dirname, '..', '..', '..', 'examples', 'fleet');
export const RULES: string = join(FLEET, 'alerts.yaml');

/** A recording rule has `record`, an alerting one the rest. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A panel of the dashboard; a row has no targets. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: Readonly<Record<'h' | 'w' | 'x' | 'y', number>>;
  readonly targets?: readonly { readonly expr: string; readonly refId: string }[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

export interface Dashboard {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly panels: readonly Panel[];
}

export function rules(): Rule[] {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap((group) => group.rules);
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync(join(FLEET, 'dashboard.json'), 'utf8')) as Dashboard;
}

/** The queries of a dashboard as Grafana would send them, with all of each variable chosen. */
export function queries({
  panels,
}: Dashboard): { readonly panel: string; readonly expr: string }[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr: withVariables(expr) })),
  );
}

function withVariables(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll(/\$(?:job|service|method|target)\b/g, '.*');
}

/** The metrics that a query reads, as `/metrics` names their families. */
export function familiesIn(expr: string): string[] {
  // What is recorded has a colon in its name, and comes from other rules.
  const names = expr.replaceAll(/\w+:[\w:]+/g, '').match(METRIC) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}

const METRIC = /\b(?:grpc_(?:server|client)|inboard|nodejs|process)_\w+/g;
