import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUF = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));

/** What a run of buf had to say. */
export interface BufRun {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs buf in the project's folder, where it finds the contracts. */
export async function buf(args: readonly string[], input: string = ''): Promise<BufRun> {
  const child = spawn(BUF, args, { cwd: ROOT });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return {
    code,
    output: Buffer.concat(output).toString(),
    errors: Buffer.concat(errors).toString(),
  };
}

/** Calls with `buf curl`: a client of gRPC in Go that has nothing in common with Node's. */
export function bufCurl(args: readonly string[], input?: string): Promise<BufRun> {
  return buf(['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args], input);
}

/** The messages that `buf curl` prints, one JSON document after the other. */
export function messagesOf({ output }: BufRun): unknown[] {
  const ends = output.replaceAll(/^(\{?\})$/gm, '$1\0').split('\0');
  return ends.filter((text) => text.trim() !== '').map((text) => JSON.parse(text) as unknown);
}
