import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { buf } from '../interop/buf.ts';

/** A folder of a test file, with the project's contracts as an image in it. */
export interface Descriptors {
  readonly folder: string;
  readonly image: string;
  remove(): Promise<void>;
}

export async function makeDescriptors(): Promise<Descriptors> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-cli-'));
  const image = join(folder, 'descriptors.binpb');
  const built = await buf(['build', '--as-file-descriptor-set', '-o', image]);
  if (built.code !== 0) throw new Error(built.errors);
  return { folder, image, remove: () => rm(folder, { recursive: true }) };
}

/** A port of this machine that nothing listens on. */
export const NOWHERE = '127.0.0.1:1';
