// Generates code from the contracts: `npm run generate [ROOT]`.
import { updateGenerated } from './lib/generated-code.ts';
import { runAsProgram } from './lib/main.ts';
import { root } from './lib/run.ts';

await runAsProgram(import.meta, async () => {
  const [folder = root] = process.argv.slice(2);
  if (folder.startsWith('-')) {
    console.error(`npm run generate [FOLDER]: '${folder}' is no folder; it takes no options`);
    return 2;
  }
  const { missing, changed, stale } = await updateGenerated(folder);
  for (const file of missing) console.log(`new      ${file}`);
  for (const file of changed) console.log(`changed  ${file}`);
  for (const file of stale) console.log(`removed  ${file}`);
  if (missing.length + changed.length + stale.length === 0) {
    console.log('generated/ is up to date with the contracts.');
  }
  return 0;
});
