import { expect, test } from 'vitest';

import { dashboard, familiesIn, queries } from './fleet-files.ts';

const { title, uid, schemaVersion, templating, panels } = dashboard();

test('the dashboard has the shape that Grafana 10 reads', () => {
  expect({ title, uid }).toEqual({ title: 'inboard fleet', uid: 'inboard-fleet' });
  // Grafana 10.0 writes 38, and converts what is older.
  expect(schemaVersion).toBe(38);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const types = new Set(panels.map(({ type }) => type));
  expect([...types].toSorted()).toEqual(['row', 'stat', 'state-timeline', 'timeseries']);
  for (const { type, title: name, description = '', targets = [] } of panels) {
    const asks = type !== 'row';
    expect({ name, described: description.endsWith('.') }).toEqual({ name, described: asks });
    expect({ name, asks: targets.length > 0 }).toEqual({ name, asks });
    // Letters name them, and the datasource is the reader's choice.
    expect({ name, targets }).toMatchObject({
      targets: targets.map((_, index) => ({
        refId: String.fromCodePoint(65 + index),
        datasource: { type: 'prometheus', uid: '${datasource}' },
      })),
    });
  }
});

test('no panel lies over another one, and none is beside the grid of 24 columns', () => {
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
});

test('each query reads metrics, and only through variables that there are', () => {
  const names = templating.list.map(({ name }) => name);
  expect(names).toEqual(['datasource', 'job', 'service', 'method', 'target']);
  const known = new Set([...names, '__rate_interval']);
  const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const definitions = templating.list.map(({ definition = '' }) => definition);
  const used = [...exprs, ...definitions].flatMap((expr) =>
    [...expr.matchAll(/\$(\w+)/g)].map(([, name = '']) => name),
  );
  expect(new Set(used)).toEqual(new Set([...known].filter((name) => name !== 'datasource')));
  const asked = queries(dashboard());
  expect(asked.filter(({ expr }) => expr.includes('$'))).toEqual([]);
  expect(asked.filter(({ expr }) => familiesIn(expr).length === 0)).toEqual([]);
});
