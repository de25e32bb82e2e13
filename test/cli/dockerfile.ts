import { cp, mkdir, readFile } from 'node:fs/promises';
import { basename, join, matchesGlob } from 'node:path';

import { runOrThrow } from '../../scripts/lib/run.ts';

/** What a Dockerfile makes, as far as it can be made without Docker: files below a folder. */
export interface Image {
  /** The image's root. */
  readonly folder: string;
  /** Where the command is started, below `folder`. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly ports: readonly number[];
  readonly command: readonly string[];
}

interface Stage extends Image {
  readonly name: string;
  workdir: string;
  env: Record<string, string>;
  user: string;
  ports: number[];
  command: readonly string[];
}

/**
 * Follows the Dockerfile of a project: FROM, WORKDIR, ENV, COPY, RUN, USER, EXPOSE and CMD in exec
 * form. COPY takes only what .dockerignore lets through; RUN runs here, on this machine's Node.
 * Throws on anything else.
 */
export async function buildImage(project: string, scratch: string): Promise<Image> {
  const stages: Stage[] = [];
  const text = await readFile(join(project, 'Dockerfile'), 'utf8');
  for (const line of text.split('\n').filter((each) => /^[^#\s]/.test(each))) {
    const [instruction = '', ...words] = line.split(/\s+/);
    const stage = stages.at(-1);
    if (instruction === 'FROM') {
      const folder = join(scratch, `stage-${stages.length}`);
      await mkdir(folder, { recursive: true });
      stages.push({ ...EMPTY, env: {}, ports: [], folder, name: words[2] ?? '' });
    } else if (stage === undefined) throw new Error(`before any FROM: ${line}`);
    else if (instruction === 'COPY') await copy(project, stages, stage, words);
    else if (instruction === 'RUN') await runIn(stage, words.join(' '));
    else setting(stage, instruction, words);
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error('no FROM');
  return last;
}

const EMPTY = { workdir: '/', user: 'root', command: [] };

function setting(stage: Stage, instruction: string, words: readonly string[]): void {
  const [first = ''] = words;
  switch (instruction) {
    case 'WORKDIR':
      stage.workdir = first;
      break;
    case 'ENV': {
      const [name = '', value = ''] = first.split('=');
      stage.env[name] = value;
      break;
    }
    case 'USER':
      stage.user = first;
      break;
    case 'EXPOSE':
      stage.ports = words.map(Number);
      break;
    case 'CMD':
      // In shell form, which is no JSON, a shell would get the signals.
      stage.command = JSON.parse(words.join(' ')) as string[];
      break;
    default:
      throw new Error(`not known here: ${instruction}`);
  }
}

async function copy(
  project: string,
  stages: readonly Stage[],
  stage: Stage,
  words: readonly string[],
): Promise<void> {
  const from = words[0]?.startsWith('--from=') === true ? words[0].slice(7) : undefined;
  const sources = words.slice(from === undefined ? 0 : 1, -1);
  const target = join(stage.folder, stage.workdir, words.at(-1) ?? '');
  const isFolder = words.at(-1)?.endsWith('/') === true;
  const source = stages.find(({ name }) => name === from)?.folder ?? project;
  for (const name of from === undefined ? await inContext(project, sources) : sources) {
    await cp(join(source, name), isFolder ? join(target, basename(name)) : target, {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
}

/** The names of the context that are meant; each must be let through by .dockerignore. */
async function inContext(project: string, patterns: readonly string[]): Promise<string[]> {
  const rules = (await readFile(join(project, '.dockerignore'), 'utf8')).split('\n');
  const { stdout } = await runOrThrow('ls', ['-A'], { cwd: project });
  return patterns.flatMap((pattern) => {
    const names = stdout.split('\n').filter((name) => name !== '' && matchesGlob(name, pattern));
    if (names.length === 0) throw new Error(`COPY finds no ${pattern}`);
    const ignored = names.find(
      (name) => rules.includes('*') && !rules.some((rule) => matchesGlob(`!${name}`, rule)),
    );
    if (ignored !== undefined) throw new Error(`.dockerignore keeps ${ignored} out`);
    return names;
  });
}

async function runIn(stage: Stage, command: string): Promise<void> {
  const cwd = join(stage.folder, stage.workdir);
  await mkdir(cwd, { recursive: true });
  await runOrThrow('sh', ['-c', command], { cwd, env: stage.env });
}
