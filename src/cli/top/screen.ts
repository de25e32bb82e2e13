/** ECMA-48: the alternate screen, the cursor, and erasing what an older frame left. */
const ENTER = '\u001B[?1049h\u001B[?25l';
const LEAVE = '\u001B[?25h\u001B[?1049l';
const HOME = '\u001B[H';
const ERASE_LINE = '\u001B[K';
const ERASE_BELOW = '\u001B[J';

/** A terminal that shows one frame after the other, and gets back what it showed before. */
export class Screen {
  private readonly restore = (): void => {
    process.stdout.write(LEAVE);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  };

  constructor(onQuit: () => void, onInterrupt: () => void) {
    process.stdout.write(ENTER);
    // However the process ends.
    process.on('exit', this.restore);
    if (!process.stdin.isTTY) return;
    process.stdin.setRawMode(true);
    process.stdin.on('data', (keys: Buffer) => {
      // A raw terminal sends Ctrl-C as a character, and no signal.
      if (keys.includes(3)) onInterrupt();
      else if (/q/i.test(keys.toString())) onQuit();
    });
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  draw(lines: readonly string[]): void {
    const shown = lines.slice(0, this.rows - 1).map((line) => line + ERASE_LINE);
    process.stdout.write(`${HOME}${shown.join('\n')}${ERASE_BELOW}`);
  }
}
