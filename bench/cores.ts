import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Which core each side is pinned to; undefined where a side may run anywhere. */
export interface Pinning {
  readonly server: number | undefined;
  readonly client: number | undefined;
  /** What the reader of the figures must know about it. */
  readonly note: string;
}

/** Chooses two cores of those this process may use, on two physical cores where there are. */
export function choosePinning(): Pinning {
  const unpinned = (why: string): Pinning => ({
    server: undefined,
    client: undefined,
    note: `not pinned: ${why}; expect more noise`,
  });
  const allowed = allowedCores();
  const [server] = allowed;
  if (server === undefined) return unpinned('this system does not tell which cores may be used');
  if (spawnSync('taskset', ['--version']).status !== 0) return unpinned('taskset is missing');
  const siblings = siblingsOf(server);
  const client = allowed.find((core) => !siblings.includes(core));
  if (client !== undefined) {
    return { server, client, note: `server on core ${server}, client on core ${client}` };
  }
  const sibling = allowed.find((core) => core !== server);
  if (sibling === undefined) return unpinned('there is one core only');
  const note = `server on core ${server}, client on core ${sibling}: two threads of one core`;
  return { server, client: sibling, note };
}

function allowedCores(): number[] {
  const status = readOptional('/proc/self/status');
  return parseCoreList(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? '');
}

/** The hardware threads of one physical core, the given one included. */
function siblingsOf(core: number): number[] {
  const topology = `/sys/devices/system/cpu/cpu${core}/topology`;
  return [core, ...parseCoreList(readOptional(`${topology}/thread_siblings_list`).trim())];
}

/** `0-2,5` as the kernel writes it, as [0, 1, 2, 5]. */
export function parseCoreList(list: string): number[] {
  if (list === '') return [];
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
