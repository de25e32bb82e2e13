import { type Answer, type Api, EXIT_OP, type Question } from './protocol.ts';

/** The child's end of the IPC channel: answers the parent's questions until it goes away. */
export function answerParent(api: Api): void {
  const operations = new Map(Object.entries(api));
  process.on('message', (message) => {
    const { op, argument } = message as Question;
    if (op === EXIT_OP) process.exit(0);
    void answer(operations.get(op), op, argument).then((reply) => process.send?.(reply));
  });
  // However the parent ended, nothing may be left running.
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole process group; the parent decides what becomes of its children.
  process.on('SIGINT', () => {});
}

async function answer(
  operation: Api[string] | undefined,
  op: string,
  argument: unknown,
): Promise<Answer> {
  try {
    if (operation === undefined) throw new Error(`no operation '${op}'`);
    return { ok: true, value: await operation(argument as never) };
  } catch (error) {
    return {
      ok: false,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}
