/**
 * Runs a script's main function when its module is the program itself, not when a test or another
 * script imports it. What it throws is printed as a plain message, and the exit code is 1.
 */
export async function runAsProgram(meta: ImportMeta, main: () => Promise<number>): Promise<void> {
  if (!meta.main) return;
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
