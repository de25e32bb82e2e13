import { captureTool } from '../project-tool.ts';
import type { StepEvent } from './dev-event.ts';

/** How much of a long list of errors is shown, in characters; who has more begins at the top. */
const SHOWN = 20_000;

/** What checks, and by which configuration. */
export interface Types {
  readonly tsc: string;
  readonly tsconfig: string;
}

/** Runs the project's TypeScript over it; nothing is written. */
export async function checkTypes({ tsc, tsconfig }: Types): Promise<StepEvent> {
  const since = performance.now();
  const args = ['--noEmit', '--pretty', 'false', '--project', tsconfig];
  const { code, output, errors } = await captureTool(tsc, args);
  const ms = performance.now() - since;
  if (code === 0) return { event: 'types', ok: true, ms };
  return { event: 'types', ok: false, ms, output: shown(`${output.toString()}${errors}`) };
}

/** Places as buf writes them, which terminals open on a click. */
function shown(text: string): string {
  const places = text.trimEnd().replaceAll(/^(\S.*)\((\d+),(\d+)\): /gm, '$1:$2:$3: ');
  if (places.length <= SHOWN) return places;
  return `${places.slice(0, places.lastIndexOf('\n', SHOWN))}\n…`;
}
