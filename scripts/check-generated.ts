// Fails where generated/ is not what the contracts give: `node scripts/check-generated.ts [ROOT]`.
import { findDrift } from './lib/generated-code.ts';
import { runAsProgram } from './lib/main.ts';
import { root } from './lib/run.ts';

await runAsProgram(import.meta, async () => {
  const { missing, changed, stale } = await findDrift(process.argv[2] ?? root);
  const lines = [
    ...missing.map((file) => `  missing   ${file}`),
    ...changed.map((file) => `  differs   ${file}`),
    ...stale.map((file) => `  left over ${file}`),
  ];
  if (lines.length === 0) return 0;
  console.error('generated/ is not what the contracts in proto/ give:');
  console.error(lines.join('\n'));
  console.error('Run `npm run generate` and commit the result. Generated files are never edited.');
  return 1;
});
