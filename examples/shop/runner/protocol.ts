import type { Report } from './report.ts';

/** What a process of the shop tells its supervisor over IPC. */
export type ChildMessage =
  /** It serves, on `address` if on any. */
  | { readonly kind: 'ready'; readonly address: string | undefined }
  /** What it has seen since its last report. */
  | { readonly kind: 'report'; readonly report: Report };

/** What the supervisor tells a process. */
export interface SupervisorMessage {
  /** Finish what is running, report once more and end. */
  readonly kind: 'stop';
}
