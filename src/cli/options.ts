import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';

export interface OutputOptions {
  readonly output: 'table' | 'json';
}

/** Where a server is, and how to speak with it. */
export interface TargetOptions {
  readonly target?: string;
  readonly plaintext?: true;
  readonly tls?: true;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly authority?: string;
  readonly header: readonly string[];
  /** In ms. */
  readonly timeout?: number;
}

/** Where a contract comes from: the server itself, unless a file or folder is named. */
export interface ContractOptions extends TargetOptions {
  readonly image?: string;
  readonly proto?: string;
}

export function addOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'how to print')
      .choices(['table', 'json'])
      .default('table', 'table, for people'),
  );
}

export function addTarget(command: Command): Command {
  return command
    .addOption(
      new Option(
        '-t, --target <target>',
        'the server: localhost:50051, dns:///orders:50051, static:///a:1,b:2, unix:/run/orders.sock',
      ).env('INBOARD_TARGET'),
    )
    .option('--insecure, --plaintext', 'no TLS (the default to loopback only)')
    .option('--tls', 'TLS (the default to everywhere else)')
    .option('--cacert <file>', 'PEM of the authorities to trust, in place of the public ones')
    .option('--cert <file>', 'PEM of your own certificate, for mTLS')
    .option('--key <file>', 'PEM of its key')
    .option('--servername <name>', "name that the server's certificate must carry")
    .option('--authority <name>', ':authority of the calls; the certificate must carry it too')
    .option(
      '-H, --header <name: value>',
      'metadata to send; repeatable; -bin in base64',
      collect,
      [],
    )
    .option(
      '--timeout <time>',
      'how long a call may take: 500ms, 2s, 1m (default 15s; streams: no limit)',
      parseTime,
    );
}

export function addContract(command: Command): Command {
  return command
    .option('--image <file>', 'contract from a file that `buf build -o` made')
    .option('--proto <folder>', 'contract from a folder of .proto files, built by buf');
}

/** For an option that may be given several times. */
export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** For an option that is repeatable, and takes several at once: `a,b`. */
export function collectList(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...value.split(',')];
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `500ms`, `2s`, `1m`, `1h`; a bare number is seconds. In ms. */
export function parseTime(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const ms = Number(match?.[1]) * (UNITS[match?.[2] ?? 's'] ?? Number.NaN);
  if (!(ms > 0)) throw new InvalidArgumentError('Write 500ms, 2s or 1m.');
  return ms;
}
