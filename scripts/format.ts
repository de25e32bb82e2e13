// Formats what is ours: TypeScript and JSON by biome, contracts by buf.
import { runAsProgram } from './lib/main.ts';
import { ownProtosOnly } from './lib/proto-format.ts';
import { runOrThrow } from './lib/run.ts';

await runAsProgram(import.meta, async () => {
  const { output } = await runOrThrow('biome', ['format', '--write']);
  process.stdout.write(output);
  await runOrThrow('buf', ['format', '--write', ...(await ownProtosOnly())]);
  return 0;
});
