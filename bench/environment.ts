import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** What the figures were measured on. Figures of two environments cannot be compared. */
export interface Environment {
  readonly date: string;
  readonly node: string;
  readonly v8: string;
  readonly platform: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Of the last minute, before anything was measured: above 0 somebody else is at work. */
  readonly loadAverage: number;
  readonly packages: Readonly<Record<string, string>>;
}

const measuredPackages = [
  '@grpc/grpc-js',
  'nice-grpc',
  '@connectrpc/connect',
  '@connectrpc/connect-node',
  '@bufbuild/protobuf',
  'ts-proto',
];

export function describeEnvironment(): Environment {
  return {
    date: new Date().toISOString(),
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    loadAverage: loadavg()[0] ?? Number.NaN,
    packages: {
      inboard: versionAt('../package.json'),
      ...Object.fromEntries(
        measuredPackages.map((name) => [name, versionAt(`../node_modules/${name}/package.json`)]),
      ),
    },
  };
}

/** Read from the file, since most packages do not export their package.json. */
function versionAt(path: string): string {
  const text = readFileSync(new URL(path, import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
