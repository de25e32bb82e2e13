/**
 * How the command line ends. Scripts rely on these numbers, so each stands in `inboard --help`.
 * `64 + code` for a gRPC status is grpcurl's.
 */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work. */
  failure: 1,
  /** A wrong option, argument, file or target: nothing was tried. */
  usage: 2,
  /** What was looked for is there: buf's findings, and uses of what is deprecated. */
  found: 100,
  /** Added to the code of a gRPC status that is not OK. */
  status: 64,
  /** 128 and the signal's number, as shells have it. */
  interrupted: 130,
  terminated: 143,
  hungUp: 129,
} as const;

export interface FailureParts {
  readonly exitCode?: number;
  /** What to do next. */
  readonly hint?: string | undefined;
  /** What `-o json` prints of it, besides the message. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A failure that is told to the user in its own words, and nothing else of it. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(message: string, parts: FailureParts = {}) {
    super(message);
    this.exitCode = parts.exitCode ?? EXIT.failure;
    this.hint = parts.hint;
    this.fields = parts.fields ?? {};
  }
}

/** What the user wrote cannot be meant; nothing was tried. */
export function usageFailure(message: string, hint?: string): CliFailure {
  return new CliFailure(message, { exitCode: EXIT.usage, hint });
}

/** A file that cannot be read, in plain words. */
export function fileFailure(option: string, file: string, error: unknown): CliFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'it may not be read',
    EISDIR: 'it is a folder',
  };
  const reason = reasons[code ?? ''] ?? message;
  return usageFailure(`${option} '${file}' cannot be read: ${reason}`);
}
