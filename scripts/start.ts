// Runs the example shop: `npm start -- --help`. Its code is in examples/shop.
import { performance } from 'node:perf_hooks';

import { HELP, parseStartOptions, UsageError } from '../examples/shop/runner/options.ts';
import { runShop } from '../examples/shop/runner/run-shop.ts';
import { updateGenerated } from './lib/generated-code.ts';
import { runAsProgram } from './lib/main.ts';
import { root, runOrThrow } from './lib/run.ts';

/** Brings `generated/` up to the contracts; touches nothing where it is. */
async function prepareContracts(): Promise<void> {
  await step('contracts: lint', async () => {
    await runOrThrow('buf', ['lint']);
    return 'ok';
  });
  await step('contracts: generate', async () => {
    const { missing, changed, stale } = await updateGenerated(root);
    const files = missing.length + changed.length + stale.length;
    return files === 0
      ? 'generated/ is up to date'
      : `${files} files of generated/ brought up to date`;
  });
}

async function step(name: string, work: () => Promise<string>): Promise<void> {
  const start = performance.now();
  const outcome = await work();
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  console.log(`${name.padEnd(20)} ${outcome} (${seconds} s)`);
}

await runAsProgram(import.meta, async () => {
  try {
    const options = parseStartOptions(process.argv.slice(2));
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    await prepareContracts();
    return await runShop(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${HELP}`);
    return 2;
  }
});
