/** What happens in `inboard dev`. `-o json` prints each as a line, so these are an interface. */
export type DevEvent =
  | { readonly event: 'watching'; readonly entry: string; readonly folders: readonly string[] }
  | { readonly event: 'changed'; readonly files: readonly string[] }
  | StepEvent
  | { readonly event: 'started'; readonly entry: string; readonly pid: number }
  | {
      readonly event: 'ended';
      readonly entry: string;
      readonly pid: number;
      /** Null where a signal ended it. */
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      /** Whether it was told to. */
      readonly asked: boolean;
    }
  /** It was told to end and has not, in this time. */
  | { readonly event: 'killed'; readonly pid: number; readonly graceMs: number }
  /** Something does not fit yet. What ran goes on; no pid where nothing runs. */
  | { readonly event: 'waiting'; readonly pid: number | null }
  | { readonly event: 'note'; readonly message: string };

/** One of the steps before a start. */
export interface StepEvent {
  readonly event: 'generate' | 'types';
  readonly ok: boolean;
  readonly ms: number;
  /** Of `generate`: files that were written or removed. */
  readonly files?: readonly string[];
  /** Of one that failed: what the tool says, with file and line. */
  readonly output?: string;
}
