import { readdir, readFile } from 'node:fs/promises';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';

/** Upper bounds of the histogram of collections, in s, as prom-client has them. */
const GC_BOUNDS = [0.001, 0.01, 0.1, 1, 2, 5];

const GC_KINDS = new Map<number | undefined, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** The last line of OpenMetrics. */
const EOF = '# EOF\n';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [value: number, labels?: Labels];

interface Collections {
  count: number;
  seconds: number;
  /** By upper bound, each with those below. */
  readonly upTo: number[];
}

/**
 * What prom-client's `collectDefaultMetrics` tells of a process, under its names. That one leaves a
 * histogram, an observer and its metrics behind for good; this ends when it is closed.
 */
export class ProcessMetrics {
  private readonly lag: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay();
  private readonly collections = new Map<string, Collections>();
  private readonly observer: PerformanceObserver;

  constructor() {
    this.lag.enable();
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail } = entry as { readonly detail?: { readonly kind?: number } };
        this.collected(detail?.kind, entry.duration / 1_000);
      }
    });
    this.observer.observe({ entryTypes: ['gc'] });
  }

  close(): void {
    this.lag.disable();
    this.observer.disconnect();
  }

  /** In Prometheus's text format. */
  async text(): Promise<string> {
    return [cpu(), await system(), this.loop(), heap(), this.gc()].join('');
  }

  private loop(): string {
    const { lag } = this;
    const values: readonly (readonly [name: string, ns: number])[] = [
      ['min', lag.min],
      ['max', lag.max],
      ['mean', lag.mean],
      ['stddev', lag.stddev],
      ['p50', lag.percentile(50)],
      ['p90', lag.percentile(90)],
      ['p99', lag.percentile(99)],
    ];
    // Since the last scrape. Right after one there is nothing yet: its least and its mean are no numbers.
    const text = values.map(([name, ns]) =>
      metric(`nodejs_eventloop_lag_${name}_seconds`, 'gauge', `Event loop delay, ${name}.`, [
        [lag.count === 0 ? 0 : ns / 1e9],
      ]),
    );
    lag.reset();
    return text.join('');
  }

  private gc(): string {
    const name = 'nodejs_gc_duration_seconds';
    const lines = [`# HELP ${name} Garbage collection by kind.\n# TYPE ${name} histogram\n`];
    for (const [kind, { count, seconds, upTo }] of this.collections) {
      for (const [index, bound] of GC_BOUNDS.entries()) {
        lines.push(sample(`${name}_bucket`, [upTo[index] ?? 0, { le: String(bound), kind }]));
      }
      lines.push(sample(`${name}_bucket`, [count, { le: '+Inf', kind }]));
      lines.push(sample(`${name}_sum`, [seconds, { kind }]));
      lines.push(sample(`${name}_count`, [count, { kind }]));
    }
    return lines.join('');
  }

  private collected(kindNumber: number | undefined, seconds: number): void {
    const kind = GC_KINDS.get(kindNumber) ?? 'unknown';
    const before = this.collections.get(kind);
    const collections = before ?? { count: 0, seconds: 0, upTo: GC_BOUNDS.map(() => 0) };
    this.collections.set(kind, collections);
    collections.count++;
    collections.seconds += seconds;
    for (const [index, bound] of GC_BOUNDS.entries()) {
      if (seconds <= bound) collections.upTo[index] = (collections.upTo[index] ?? 0) + 1;
    }
  }
}

/**
 * Puts what is told of the process behind an exposition. One in OpenMetrics ends with a line of its
 * own, and its comments name counters without `_total`.
 */
export function withProcess(exposition: string, own: string): string {
  if (!exposition.endsWith(EOF)) return exposition + own;
  const named = own.replaceAll(/^(# (?:HELP|TYPE) process_cpu\w*)_total /gm, '$1 ');
  return `${exposition.slice(0, -EOF.length)}${named}${EOF}`;
}

function cpu(): string {
  const { user, system: kernel } = process.cpuUsage();
  const [major = '', minor = '', patch = ''] = process.versions.node.split('.');
  const version = { version: process.version, major, minor, patch };
  const startedAt = performance.timeOrigin / 1_000;
  return [
    metric('process_cpu_user_seconds_total', 'counter', 'User CPU time.', [[user / 1e6]]),
    metric('process_cpu_system_seconds_total', 'counter', 'System CPU time.', [[kernel / 1e6]]),
    metric('process_cpu_seconds_total', 'counter', 'CPU time.', [[(user + kernel) / 1e6]]),
    metric('process_start_time_seconds', 'gauge', 'Start, since the epoch.', [[startedAt]]),
    metric('nodejs_version_info', 'gauge', 'Version of Node.js.', [[1, version]]),
  ].join('');
}

/** What Linux tells in /proc; elsewhere, memory alone. */
async function system(): Promise<string> {
  const [status, files, limits] = await Promise.all([
    readFile('/proc/self/status', 'utf8').catch(() => ''),
    readdir('/proc/self/fd').catch(() => undefined),
    readFile('/proc/self/limits', 'utf8').catch(() => ''),
  ]);
  const kibibytes = (name: string): readonly Sample[] => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
    return found === undefined ? [] : [[Number(found) * 1024]];
  };
  const most = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  const resident: Sample = [process.memoryUsage.rss()];
  return [
    metric('process_resident_memory_bytes', 'gauge', 'Resident memory.', [resident]),
    metric('process_virtual_memory_bytes', 'gauge', 'Virtual memory.', kibibytes('VmSize')),
    metric('process_heap_bytes', 'gauge', 'Size of the data segment.', kibibytes('VmData')),
    // One of them is the folder that is read.
    metric('process_open_fds', 'gauge', 'Open files.', files ? [[files.length - 1]] : []),
    metric('process_max_fds', 'gauge', 'Most open files.', most ? [[Number(most)]] : []),
  ].join('');
}

function heap(): string {
  const { heapTotal, heapUsed, external } = process.memoryUsage();
  const spaces = getHeapSpaceStatistics().map((space) => ({
    ...space,
    labels: { space: space.space_name.replace(/_space$/, '') },
  }));
  const counts = new Map<string, number>();
  const active = process.getActiveResourcesInfo();
  for (const type of active) counts.set(type, (counts.get(type) ?? 0) + 1);
  const resources = [...counts].map(([type, count]): Sample => [count, { type }]);
  const bySpace = (size: (space: (typeof spaces)[number]) => number): readonly Sample[] =>
    spaces.map((space): Sample => [size(space), space.labels]);
  const perSpace = 'nodejs_heap_space_size';
  return [
    metric('nodejs_active_resources', 'gauge', 'What keeps the event loop going.', resources),
    metric('nodejs_active_resources_total', 'gauge', 'The same, in all.', [[active.length]]),
    metric('nodejs_heap_size_total_bytes', 'gauge', 'Heap, in all.', [[heapTotal]]),
    metric('nodejs_heap_size_used_bytes', 'gauge', 'Heap in use.', [[heapUsed]]),
    metric('nodejs_external_memory_bytes', 'gauge', 'Memory outside of the heap.', [[external]]),
    metric(
      `${perSpace}_total_bytes`,
      'gauge',
      'Heap by space.',
      bySpace((space) => space.space_size),
    ),
    metric(
      `${perSpace}_used_bytes`,
      'gauge',
      'Heap in use by space.',
      bySpace((space) => space.space_used_size),
    ),
    metric(
      `${perSpace}_available_bytes`,
      'gauge',
      'Heap left by space.',
      bySpace((space) => space.space_available_size),
    ),
  ].join('');
}

function metric(name: string, type: string, help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  const lines = samples.map((each) => sample(name, each));
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

/** Labels are Node's own names: there is nothing in them to escape. */
function sample(name: string, [value, labels]: Sample): string {
  const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${text}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}
