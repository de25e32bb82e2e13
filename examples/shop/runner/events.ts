import type { Tone } from './protocol.ts';

export interface ShopEvent {
  /** Since the load began; negative before. */
  readonly seconds: number;
  readonly text: string;
  readonly tone: Tone;
}

const REMEMBERED = 50;
/** Two processes that read one policy file tell of a change twice. */
const SAME_WITHIN_S = 2;

/** What happened lately, in lines. */
export class Events {
  private readonly heard: (event: ShopEvent) => void;
  private startMs: number | undefined = undefined;
  private remembered: ShopEvent[] = [];

  constructor(heard: (event: ShopEvent) => void) {
    this.heard = heard;
  }

  /** The load begins. */
  begin(): void {
    this.startMs = performance.now();
  }

  /** Adds an event; of more than one line, one for each. */
  add(text: string, tone: Tone): void {
    const seconds = this.startMs === undefined ? 0 : (performance.now() - this.startMs) / 1_000;
    for (const line of text.split('\n')) {
      const told = this.remembered.some(
        (event) => event.text === line && seconds - event.seconds < SAME_WITHIN_S,
      );
      if (!told) this.push({ seconds, text: line, tone });
    }
  }

  /** The last so many, the latest last. */
  latest(count: number): readonly ShopEvent[] {
    return count <= 0 ? [] : this.remembered.slice(-count);
  }

  private push(event: ShopEvent): void {
    this.remembered = [...this.remembered, event].slice(-REMEMBERED);
    this.heard(event);
  }
}
