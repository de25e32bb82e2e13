import type { Steps } from './steps.ts';

/** What became of the repository. */
export type RepositoryEnd =
  | 'committed'
  /** It is there, and git would not commit: it does not know by whom, for one. */
  | 'not committed'
  /** The folder stands in a repository already. */
  | 'another'
  /** There is no git. */
  | 'none';

const MESSAGE = 'The project as `inboard new` made it';

/**
 * Makes a repository of the project, unless it stands in one. It is a convenience: what git refuses
 * is told, and no failure.
 */
export async function makeRepository(steps: Steps): Promise<RepositoryEnd> {
  const inside = await steps.ask('git', ['rev-parse', '--is-inside-work-tree']);
  if (inside.code === undefined) {
    steps.tell('no repository made: git is not installed');
    return 'none';
  }
  if (inside.code === 0) {
    steps.tell('no repository made: the folder stands in one');
    return 'another';
  }
  const commands = [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '--all'],
    ['commit', '--quiet', '--message', MESSAGE],
  ];
  for (const args of commands) {
    const { code, lastLines } = await steps.ask('git', args);
    if (code === 0) continue;
    steps.tell(`git ${args[0]} failed:\n${lastLines}\nThe files are there: commit them yourself.`);
    return 'not committed';
  }
  steps.tell('committed to a new git repository');
  return 'committed';
}
