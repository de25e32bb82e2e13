import { describe, expect, it } from 'vitest';

import { parseOptions, UsageError } from '../../bench/options.ts';
import { usualRows } from '../../bench/peers/rows.ts';
import { workloadNames } from '../../bench/workloads.ts';

describe('parseOptions', () => {
  it('measures every usual row at every workload by default', () => {
    const options = parseOptions([]);
    expect(options).toMatchObject({ mode: 'rounds', rows: usualRows });
    expect('workloads' in options && options.workloads.map(({ name }) => name)).toEqual(
      workloadNames,
    );
  });

  it('keeps the rows in the order of the tables', () => {
    const options = parseOptions(['--only', 'connect-node, grpc-js,grpc-js']);
    expect(options).toMatchObject({ rows: ['grpc-js', 'connect-node'] });
  });

  it('pairs the default stack with the base, at 10 calls in flight', () => {
    expect(parseOptions(['--paired'])).toMatchObject({
      mode: 'paired',
      rows: ['inboard'],
      workloads: [{ name: 'unary-10' }],
    });
  });

  it('sets the default stack against itself without telemetry', () => {
    expect(parseOptions(['--telemetry', '--workload', 'bidi'])).toMatchObject({
      mode: 'telemetry',
      rows: ['inboard-no-telemetry', 'inboard'],
      workloads: [{ name: 'bidi' }],
    });
  });

  it('takes enough pairs for the bound in every schedule', () => {
    for (const args of [['--paired'], ['--paired', '--quick'], ['--telemetry', '--quick']]) {
      const options = parseOptions(args);
      const pairs = 'schedule' in options ? options.schedule.rounds : 0;
      expect(pairs).toBeGreaterThanOrEqual(20);
    }
  });

  it.each([
    [['--fast'], /--fast/],
    [['quick'], /quick/],
    [['--only', 'envoy'], /no row 'envoy'; there are grpc-js/],
    [['--only', ','], /--only names nothing/],
    [['--workload', 'unary'], /no workload 'unary'; there are unary-1/],
    [['--rounds', '0'], /--rounds takes a whole number from 1 to 100, not '0'/],
    [['--slice-ms', '1e3'], /--slice-ms takes a whole number/],
    [['--paired', '--rounds', '10'], /--rounds takes a whole number from 20/],
    [['--paired', '--rounds', '21'], /even/],
    [['--paired', '--only', 'grpc-js,inboard'], /one row/],
    [['--paired', '--workload', 'bidi,unary-1'], /one workload/],
    [['--telemetry', '--only', 'inboard'], /--only does nothing with --telemetry/],
    [['--telemetry', '--rounds', '21'], /even with --telemetry/],
    [['--layers', '--rounds', '5'], /--rounds does nothing with --layers/],
    [['--json', '/no/such/directory/figures.json'], /--json: cannot write/],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError);
    expect(() => parseOptions(args)).toThrow(message);
  });
});
