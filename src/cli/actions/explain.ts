import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { didYouMean } from '../../config/did-you-mean.ts';
import { explainPolicy, readContract } from '../../contract.ts';
import type { PolicySource } from '../../index.ts';
import { policyFile } from '../../index.ts';
import type { PolicyRow as ProcessRow } from '../../telemetry/console/console-state.ts';
import { adminUrl, askAdmin } from '../admin-endpoint.ts';
import { buildFolder, readImage } from '../contract/image.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { print, table, withProgress } from '../output.ts';

export interface ExplainOptions extends OutputOptions {
  readonly image?: string;
  readonly proto?: string;
  readonly policy?: string;
  readonly from?: string;
}

/** One value of a method's policy. */
interface Row {
  /** Of a running process: the target whose calls it holds for. */
  readonly target?: string;
  readonly key: string;
  readonly value: unknown;
  readonly source: string;
}

/** Prints what holds for a method, and who said so. */
export async function explain(method: string, options: ExplainOptions): Promise<void> {
  const name = method.replace(/^\//, '');
  const rows =
    options.from === undefined
      ? await explainContract(name, options)
      : await explainProcess(name, options.from, options);
  await print(options.output === 'json' ? JSON.stringify(rows) : textOf(rows));
}

async function explainContract(name: string, options: ExplainOptions): Promise<Row[]> {
  const { image, proto, policy } = options;
  if (image !== undefined && proto !== undefined) {
    throw usageFailure('--image and --proto are two contracts', 'Leave one of them.');
  }
  const folder = proto ?? '.';
  const set =
    image === undefined
      ? await withProgress(`buf builds ${folder}`, buildFolder(folder))
      : await readImage(image);
  const { methods } = readContract(toBinary(FileDescriptorSetSchema, set));
  const method = methods.find(({ fullName }) => fullName === name);
  if (method === undefined) {
    const names = methods.map(({ fullName }) => fullName);
    throw unknown(name, image ?? folder, names);
  }
  const document = policy === undefined ? undefined : await readPolicy(policy);
  return [...explainPolicy(method, { document })];
}

async function readPolicy(path: string): Promise<PolicySource['current']> {
  await using file = await policyFile(path);
  return file.current;
}

async function explainProcess(name: string, from: string, options: ExplainOptions): Promise<Row[]> {
  const other = ['image', 'proto', 'policy'].find((key) => Object.hasOwn(options, key));
  if (other !== undefined) {
    throw usageFailure(`--from asks a process, which has its own --${other}`, `Leave --${other}.`);
  }
  const url = adminUrl(from, '/console/policy');
  const known = await readRows(url);
  const rows = known.filter(({ service, method }) => `${service}/${method}` === name);
  if (rows.length === 0) {
    const names = known.map(({ service, method }) => `${service}/${method}`);
    throw unknown(name, `the clients of ${url.origin}`, names);
  }
  return rows.flatMap(({ target, values }) => values.map((value) => ({ target, ...value })));
}

async function readRows(url: URL): Promise<readonly ProcessRow[]> {
  const response = await askAdmin(url, 'application/json');
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && Array.isArray(body)) return body as ProcessRow[];
  throw new CliFailure(`${url.href} answered ${response.status}, no policies`, {
    hint: 'Is this the admin endpoint, and is its console on?',
  });
}

function unknown(name: string, where: string, names: readonly string[]): CliFailure {
  const meant = didYouMean(name, names);
  const list = names.length === 0 ? 'It has none.' : 'inboard list shows what there is.';
  return usageFailure(
    `No method '${name}' in ${where}`,
    meant === undefined ? list : `Did you mean ${meant}?`,
  );
}

function textOf(rows: readonly Row[]): string {
  const targets = [...new Set(rows.map(({ target }) => target))];
  const tables = targets.map((target) => {
    const own = rows.filter((row) => row.target === target);
    const cells = own.map(({ key, value, source }) => [key, shown(value), source]);
    const text = table(['KEY', 'VALUE', 'SOURCE'], cells);
    return target === undefined ? text : `${target}\n${text}`;
  });
  return tables.join('\n\n');
}

function shown(value: unknown): string {
  if (value === null) return 'none';
  if (value === true) return 'on';
  if (value === false) return 'off';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
