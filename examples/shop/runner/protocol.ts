import type { Report } from './report.ts';
import type { Standing } from './standing.ts';
import type { Trouble } from './trouble.ts';

/** How an event is meant: something broke, something is well again, or neither. */
export type Tone = 'bad' | 'good' | 'plain';

/** Where a process can be reached. */
export interface Whereabouts {
  /** Where it serves, as a target can use it; undefined where it serves nothing. */
  readonly address: string | undefined;
  /** The URL of its admin listener. */
  readonly admin: string;
}

/** What a process of the shop tells its supervisor over IPC. */
export type ChildMessage =
  /** It runs. */
  | ({ readonly kind: 'ready' } & Whereabouts)
  /** What it has seen since its last report, and how its clients stand. */
  | { readonly kind: 'report'; readonly report: Report; readonly standing: Standing }
  /** Something happened that is worth a line. */
  | { readonly kind: 'event'; readonly text: string; readonly tone: Tone }
  /** It did what must not be done twice. Told at once, as the process may be killed next. */
  | { readonly kind: 'executed'; readonly method: string; readonly id: string };

/** What it tells once it runs. */
export type ChildNews = Exclude<ChildMessage, { readonly kind: 'ready' }>;

/** What of that is for whoever counts, not for people to read. */
export type ChildCounts = Exclude<ChildNews, { readonly kind: 'event' }>;

/** What the supervisor tells a process. */
export type SupervisorMessage =
  /** Finish what is running, report once more and end. */
  | { readonly kind: 'stop' }
  /** Be slow and fail from now on; `undefined`: be well again. */
  | { readonly kind: 'trouble'; readonly trouble: Trouble | undefined };
