/** One JSON document of several, and the line that it begins at. */
export interface JsonText {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/**
 * Cuts documents that follow each other out of text that comes in pieces: one a line, or one after
 * the other. It looks for their ends only; whether one is JSON is found by who parses it.
 */
export class JsonTexts {
  private text = '';
  private at = 0;
  private depth = 0;
  private inString = false;
  private line = 1;
  /** The line of what is being read, and whether anything of it is there. */
  private startLine = 1;
  private begun = false;

  /** The documents that are complete with this piece. */
  push(piece: string): JsonText[] {
    this.text += piece;
    const found: JsonText[] = [];
    while (this.at < this.text.length) {
      const character = this.text.charAt(this.at);
      if (this.step(character)) found.push(...this.take());
    }
    return found;
  }

  /** What is left at the end: a document without a line's end, or half of one. */
  end(): JsonText[] {
    return this.take();
  }

  /** Goes past one character; true where a document ends there. */
  private step(character: string): boolean {
    this.at++;
    if (character === '\n') this.line++;
    if (this.inString) return this.stepInString(character);
    if (/\s/.test(character)) return this.depth === 0 && this.begun;
    if (!this.begun) this.startLine = this.line;
    this.begun = true;
    if (character === '"') this.inString = true;
    else if (character === '{' || character === '[') this.depth++;
    else if (character === '}' || character === ']') return --this.depth <= 0;
    return false;
  }

  private stepInString(character: string): boolean {
    if (character === '\\') this.at++;
    if (character !== '"') return false;
    this.inString = false;
    return this.depth === 0;
  }

  private take(): JsonText[] {
    const text = this.text.slice(0, this.at).trim();
    const { startLine } = this;
    this.text = this.text.slice(this.at);
    this.at = 0;
    this.depth = 0;
    this.inString = false;
    this.begun = false;
    return text === '' ? [] : [{ text, line: startLine }];
  }
}

/** The documents of a stream of text, each as soon as it is complete. */
export async function* readJsonTexts(source: AsyncIterable<string>): AsyncGenerator<JsonText> {
  const texts = new JsonTexts();
  for await (const piece of source) yield* texts.push(piece);
  yield* texts.end();
}
