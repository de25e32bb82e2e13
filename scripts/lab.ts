// Breaks real processes and holds the figures against the bars: `npm run lab -- --help`.
import { runLab } from '../test/scenarios/harness/lab.ts';
import { HELP, parseLabOptions, UsageError } from '../test/scenarios/harness/options.ts';
import { scenarios } from '../test/scenarios/scenarios.ts';
import { runAsProgram } from './lib/main.ts';

await runAsProgram(import.meta, async () => {
  try {
    const options = parseLabOptions(process.argv.slice(2));
    if (options.help) {
      console.log(HELP);
      return 0;
    }
    return await runLab(scenarios, options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${HELP}`);
    return 2;
  }
});
