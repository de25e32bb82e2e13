import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { FLEET, RULES, rules } from './fleet-files.ts';

const TESTS = ['alerts-test.yaml', 'alerts-long-test.yaml'];

interface RuleTest {
  readonly name: string;
  readonly promql_expr_test: readonly {
    readonly expr: string;
    readonly exp_samples: readonly unknown[];
  }[];
}

function promtool(...args: string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: FLEET, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

const missing = spawnSync('promtool', ['--version']).error !== undefined;
const why = missing ? ': not run because promtool is missing' : '';

describe.skipIf(missing)(`promtool${why}`, { timeout: 60_000 }, () => {
  test('finds nothing wrong with the rules, nor with the example of a configuration', () => {
    const checked = promtool('check', 'rules', RULES);
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.output).toContain(`SUCCESS: ${rules().length} rules found`);
    expect(promtool('check', 'config', 'prometheus.yaml')).toMatchObject({ code: 0 });
  });

  test('sees each alert fire in its case, and not in the other', () => {
    const { code, output } = promtool('test', 'rules', ...TESTS);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output.match(/SUCCESS/g)).toHaveLength(TESTS.length);
  });
});

describe('the alerts', () => {
  const alerts = rules().filter(({ alert }) => alert !== undefined);

  test('have a case in which they fire, and one in which they do not', () => {
    const tests = TESTS.flatMap((file) => {
      const text = readFileSync(join(FLEET, file), 'utf8');
      return (parse(text) as { tests: RuleTest[] }).tests;
    });
    const cases = tests.flatMap(({ promql_expr_test: checks }) =>
      checks.flatMap(({ expr, exp_samples: samples }) => {
        const [, alert] = /^ALERTS\{alertname="(\w+)",alertstate="firing"\}$/.exec(expr) ?? [];
        // Others are of several alerts, or of what is recorded.
        return alert === undefined ? [] : `${alert} ${samples.length > 0 ? 'fires' : 'does not'}`;
      }),
    );
    const wanted = alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} does not`]);
    expect(alerts.length).toBeGreaterThan(15);
    expect(new Set(cases)).toEqual(new Set(wanted));
  });

  test('say how severe they are, what is wrong and what to do first', () => {
    const faults = alerts.flatMap(({ alert, labels = {}, annotations = {} }) => {
      const { severity = '', ...others } = labels;
      const { summary = '', description = '' } = annotations;
      return [
        /^(?:critical|warning)$/.test(severity) ? [] : `${alert}: severity ${severity}`,
        Object.keys(others).map((label) => `${alert}: label ${label}`),
        summary.includes('{{ $labels.') ? [] : `${alert}: whose? ${summary}`,
        /\. First: [^]+\.$/.test(description) ? [] : `${alert}: what first? ${description}`,
      ].flat();
    });
    expect(faults).toEqual([]);
  });
});
