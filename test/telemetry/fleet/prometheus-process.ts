import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { askJson } from '../../examples/admin-client.ts';

/** One series of an instant vector. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface RuleState {
  readonly name: string;
  readonly query: string;
  readonly health: 'ok' | 'unknown' | 'err';
  readonly lastError?: string;
}

/** A Prometheus of its own, on loopback, with its data in a folder that goes with it. */
export class Prometheus implements AsyncDisposable {
  private readonly process: ChildProcess;
  private readonly folder: string;
  private readonly url: string;

  private constructor(process: ChildProcess, folder: string, url: string) {
    this.process = process;
    this.folder = folder;
    this.url = url;
  }

  /** Scrapes those that `targets` lists, once a second, and evaluates the rules as often. */
  static async start(targets: string, rules: string): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'inboard-prometheus-'));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: [join(folder, 'rules.yaml')],
      scrape_configs: [{ job_name: 'shop', file_sd_configs: [{ files: [targets] }] }],
    };
    await writeFile(join(folder, 'config.yaml'), JSON.stringify(config));
    // Nobody waits five minutes for the slowest of them.
    const soon = rules.replaceAll(/interval: \d+[sm]$/gm, 'interval: 1s');
    await writeFile(join(folder, 'rules.yaml'), soon);
    const child = spawn('prometheus', [
      `--config.file=${join(folder, 'config.yaml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
    ]);
    return new Prometheus(child, folder, await addressOf(child));
  }

  /** An instant query; rejects where Prometheus does not understand it. */
  async query(expr: string): Promise<Sample[]> {
    const url = `${this.url}/api/v1/query?query=${encodeURIComponent(expr)}`;
    const { data } = (await askJson(url)) as {
      readonly data: {
        readonly resultType: string;
        readonly result: readonly {
          readonly metric: Sample['metric'];
          readonly value: unknown[];
        }[];
      };
    };
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async rules(): Promise<RuleState[]> {
    const { data } = (await askJson(`${this.url}/api/v1/rules`)) as {
      readonly data: { readonly groups: readonly { readonly rules: readonly RuleState[] }[] };
    };
    return data.groups.flatMap((group) => group.rules);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await closed;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Where it listens, once it answers. */
async function addressOf({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('its log cannot be read');
  const lines: string[] = [];
  for await (const line of createInterface({ input: stderr })) {
    lines.push(line);
    if (!line.includes('Server is ready')) continue;
    stderr.resume();
    const [, address] = /"Listening on" address=(\S+)/.exec(lines.join('\n')) ?? [];
    return `http://${address}`;
  }
  throw new Error(`Prometheus has ended:\n${lines.join('\n')}`);
}
