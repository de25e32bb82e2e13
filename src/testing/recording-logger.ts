import type { Logger } from '../index.ts';

/** One thing that was logged. */
export interface LogEntry {
  readonly level: 'error' | 'warn' | 'info';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that prints nothing and keeps everything. */
export interface RecordingLogger extends Logger {
  /** What was logged so far, the oldest first. */
  readonly entries: readonly LogEntry[];
}

/** Makes a log for tests to look at. */
export function recordingLogger(): RecordingLogger {
  const entries: LogEntry[] = [];
  const at = (level: LogEntry['level']) => (fields: object, message: string) => {
    entries.push({ level, fields: fields as LogEntry['fields'], message });
  };
  return { entries, error: at('error'), warn: at('warn'), info: at('info') };
}
