import { toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import { didYouMean } from '../../config/did-you-mean.ts';
import type { MethodFacts } from '../../contract.ts';
import { explainPolicy, readContract } from '../../contract.ts';
import type { PolicyDocument, PolicySource } from '../../index.ts';
import { policyFile } from '../../index.ts';
import type { PolicyRow as ProcessRow } from '../../telemetry/console/console-state.ts';
import { adminUrl, askAdmin } from '../admin-endpoint.ts';
import { buildFolder, readImage } from '../contract/image.ts';
import { CliFailure, usageFailure } from '../failure.ts';
import type { OutputOptions } from '../options.ts';
import { note, print, table, withProgress } from '../output.ts';

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
  const place = image ?? (proto === undefined ? "this folder's contracts" : folder);
  const set =
    image === undefined
      ? await withProgress(`buf builds ${folder}`, buildFolder(folder))
      : await readImage(image);
  const { methods } = readContract(toBinary(FileDescriptorSetSchema, set));
  const method = methods.find(({ fullName }) => fullName === name);
  if (method === undefined) {
    const names = methods.map(({ fullName }) => fullName);
    throw unknown(name, place, names);
  }
  const document = policy === undefined ? undefined : await readPolicy(policy);
  const rows = explainPolicy(method, { document });
  tellOfNoEffect(rows);
  if (document !== undefined) tellOfUnknown(document, methods);
  return [...rows];
}

/** A hedge is taken as it was said, and holds back where a second attempt might do harm. */
function tellOfNoEffect(rows: readonly Row[]): void {
  const is = (key: string, value: unknown): boolean =>
    rows.some((row) => row.key === key && row.value === value);
  if (!is('hedge', true) || !is('idempotent', false)) return;
  note('hedge is on and has no effect: the method has no idempotency_level');
}

/** Names in a policy file that stand for no method of a service that is known here. */
function tellOfUnknown({ methods = {} }: PolicyDocument, known: readonly MethodFacts[]): void {
  const services = new Set(known.map(({ service }) => service));
  const names = known.map(({ service, name }) => `${service}/${name}`);
  for (const key of Object.keys(methods)) {
    const [service = '', method] = key.split('/');
    if (method === undefined || !services.has(service) || names.includes(key)) continue;
    const meant = didYouMean(key, names);
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    note(`the policy names ${key}, which there is not${hint}`);
  }
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

/** How many methods a message names. */
const NAMED = 5;

function unknown(name: string, where: string, names: readonly string[]): CliFailure {
  const meant = didYouMean(name, names);
  const some = names.slice(0, NAMED).join(', ');
  const more = names.length > NAMED ? ', …' : '';
  const list = names.length === 0 ? 'It has none.' : `It has ${some}${more}`;
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
