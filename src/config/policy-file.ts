import type { FSWatcher } from 'node:fs';
import { createReadStream, watch } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { Timer } from '../core/clock.ts';
import { ConfigError, describe } from '../core/errors.ts';
import type { CallRuntime } from '../core/call-runtime.ts';
import type { PolicyDocument } from '../policies/policy.ts';
import type { parsePolicy } from './parse-policy.ts';
import { lineOf, PolicyError } from './policy-error.ts';
import type { PolicySource } from './policy-source.ts';

/** A policy file, watched until it is closed. */
export interface PolicyFile extends PolicySource, AsyncDisposable {
  /** As it was given. */
  readonly path: string;
  /** Why the file's present content is not in force; undefined where it is. */
  readonly problem: PolicyError | undefined;
  /** Ends the watch; `current` stays as it is. */
  close(): Promise<void>;
}

/** Looks at the file this often, in ms, for not every file system tells of changes. */
const POLL_MS = 1_000;

/** A change counts once the file has been the same for this long, in ms. */
const SETTLE_MS = 50;

type Parse = typeof parsePolicy;

/**
 * Reads a policy file (YAML, JSON or a gRPC service config) and watches it. Rejects with a
 * PolicyError where it is not valid, and with a ConfigError where it cannot be read.
 *
 * A change is taken as a whole or not at all: one that is not valid is refused and logged, and the
 * last good policy stays in force. Changes are seen at once, at the latest after a second, and also
 * where the file, or a symbolic link on the way to it, is replaced by a rename. The watch keeps the
 * process alive until it is closed.
 */
export async function openPolicyFile(path: string, runtime: CallRuntime): Promise<PolicyFile> {
  // Loaded here, so that only those who have a policy file wait for the YAML parser.
  const { MAX_POLICY_BYTES, parsePolicy: parse } = await import('./parse-policy.ts');
  const read = (): Promise<string> => readText(path, MAX_POLICY_BYTES);
  let text: string;
  try {
    text = await read();
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    const reason = `The policy file ${path} cannot be read: ${describe(error)}`;
    throw new ConfigError(reason, { cause: error });
  }
  return new WatchedPolicyFile(path, runtime, { read, parse, text });
}

interface Reading {
  readonly read: () => Promise<string>;
  readonly parse: Parse;
  /** What the file holds at first. */
  readonly text: string;
}

/** What one look at the file found. */
type Found = { readonly text: string } | { readonly problem: PolicyError };

class WatchedPolicyFile implements PolicyFile {
  readonly path: string;
  current: PolicyDocument;
  problem: PolicyError | undefined = undefined;
  private readonly runtime: CallRuntime;
  private readonly read: () => Promise<string>;
  private readonly parse: Parse;
  private readonly listeners = new Set<(document: PolicyDocument) => void>();
  /** What was taken or refused last. */
  private settled: Found;
  /** What the last look found. */
  private found: Found;
  private readonly watcher: FSWatcher | undefined;
  private timer: Timer | undefined = undefined;
  private timerAtMs = 0;
  private looking: Promise<void> | undefined = undefined;
  private closed = false;

  constructor(path: string, runtime: CallRuntime, { read, parse, text }: Reading) {
    this.path = path;
    this.runtime = runtime;
    this.read = read;
    this.parse = parse;
    this.settled = { text };
    this.found = this.settled;
    this.current = this.parsed(text);
    this.watcher = this.startWatching();
    this.lookIn(POLL_MS);
  }

  onChange(listener: (document: PolicyDocument) => void): () => void {
    // Wrapped, so that a function that listens twice is two listeners.
    const own = (document: PolicyDocument): void => listener(document);
    this.listeners.add(own);
    return () => this.listeners.delete(own);
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listeners.clear();
    this.timer?.clear();
    this.watcher?.close();
    await this.looking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The folder is watched, since a file that is replaced takes its own watch with it. */
  private startWatching(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.path), { persistent: false }, () => {
        this.lookIn(SETTLE_MS);
      });
      // The folder went away, for example. The poll goes on.
      watcher.on('error', () => watcher.close());
      return watcher;
    } catch {
      // The system has no watch to give. The poll is enough.
      return undefined;
    }
  }

  /** Looks in so long, or earlier where that was due already: no stream of events puts it off. */
  private lookIn(ms: number): void {
    if (this.closed) return;
    const { clock } = this.runtime;
    const atMs = clock.now() + ms;
    if (this.timer !== undefined && this.timerAtMs <= atMs) return;
    this.timer?.clear();
    this.timerAtMs = atMs;
    this.timer = clock.setTimer(atMs, () => {
      this.timer = undefined;
      if (this.looking !== undefined) {
        this.lookIn(SETTLE_MS);
        return;
      }
      this.looking = this.look().finally(() => {
        this.looking = undefined;
      });
    });
  }

  /** A half-written file changes soon, so what is found counts once it is found again. */
  private async look(): Promise<void> {
    const found = await this.read().then(
      (text): Found => ({ text }),
      (error: unknown): Found => ({ problem: asProblem(this.path, error) }),
    );
    if (this.closed) return;
    const settled = isSame(found, this.found);
    this.found = found;
    if (settled && !isSame(found, this.settled)) {
      this.settled = found;
      this.take(found);
    }
    this.lookIn(settled ? POLL_MS : SETTLE_MS);
  }

  private take(found: Found): void {
    let document: PolicyDocument;
    try {
      if ('problem' in found) throw found.problem;
      document = this.parsed(found.text);
    } catch (error) {
      this.refuse(asProblem(this.path, error));
      return;
    }
    const changed = !isDeepStrictEqual(document, this.current);
    if (changed || this.problem !== undefined) {
      this.runtime.logger.info({ file: this.path }, 'The policy file is in force as it is now');
    }
    this.problem = undefined;
    if (!changed) return;
    this.current = document;
    for (const listener of [...this.listeners]) this.tell(listener, document);
  }

  private tell(listener: (document: PolicyDocument) => void, document: PolicyDocument): void {
    try {
      listener(document);
    } catch (error) {
      const fields = { file: this.path, err: error };
      this.runtime.logger.error(fields, 'A listener of the policy file threw');
    }
  }

  private refuse(problem: PolicyError): void {
    this.problem = problem;
    const fields = { file: this.path, problems: problem.problems };
    const message = 'The policy file was refused; the last good policy stays in force';
    this.runtime.logger.warn(fields, `${message}\n${problem.message}`);
  }

  private parsed(text: string): PolicyDocument {
    const { path, runtime } = this;
    return this.parse(text, {
      file: path,
      onWarning: (warning) => {
        runtime.logger.warn({ file: path, problems: [warning] }, lineOf(warning));
      },
    });
  }
}

function isSame(one: Found, other: Found): boolean {
  if ('text' in one) return 'text' in other && one.text === other.text;
  return 'problem' in other && one.problem.message === other.problem.message;
}

/** Whatever went wrong, as a problem of the file. */
function asProblem(file: string, error: unknown): PolicyError {
  if (error instanceof PolicyError) return error;
  const message = `cannot be read: ${describe(error)}`;
  return new PolicyError([{ file, line: 1, column: 1, key: '', message }], error);
}

/** The text of a file; of one that is too long, enough of it for that to be seen. */
async function readText(file: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(file, { end: maxBytes })) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  try {
    return new TextDecoder('utf-8', { fatal: bytes.length <= maxBytes }).decode(bytes);
  } catch (cause) {
    const message = 'is no UTF-8; save it as UTF-8';
    throw new PolicyError([{ file, line: 1, column: 1, key: '', message }], cause);
  }
}
