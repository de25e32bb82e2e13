// Puts the console's page together, small: `node scripts/build-console.ts [--check]`. The result is
// committed, so that the project runs from its sources; with --check it is only compared.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { transform } from 'lightningcss';
import { build } from 'rolldown';
import { runAsProgram } from './lib/main.ts';
import { root } from './lib/run.ts';

const folder = join(root, 'src', 'telemetry', 'console');
const result = join(folder, 'console.html');

/** The page as one document, from the files in `page/`. */
export async function buildConsole(): Promise<string> {
  const html = await readFile(join(folder, 'page', 'page.html'), 'utf8');
  const css = await readFile(join(folder, 'page', 'page.css'));
  const style = transform({ filename: 'page.css', code: css, minify: true }).code;
  const { output } = await build({
    input: join(folder, 'page', 'main.js'),
    write: false,
    output: { format: 'iife', minify: true },
  });
  const [{ code }] = output;
  return html
    .replaceAll(/<!--[^]*?-->/g, '')
    .replaceAll(/\n\s*/g, '\n')
    .replaceAll(/="([\w-]+)"(?=[\s>])/g, '=$1')
    .replace('<style></style>', () => `<style>${style.toString().trim()}</style>`)
    .replace('<script></script>', () => `<script>${code.trim()}</script>`);
}

await runAsProgram(import.meta, async () => {
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
  const page = await buildConsole();
  if (values.check !== true) {
    await writeFile(result, page);
    console.log(`${result}: ${Buffer.byteLength(page)} bytes`);
    return 0;
  }
  if ((await readFile(result, 'utf8')) === page) return 0;
  console.error('console.html is not what src/telemetry/console/page/ gives.');
  console.error('Run `node scripts/build-console.ts` and commit the result.');
  return 1;
});
