import type { CallRuntime } from './call-runtime.ts';
import type { LiveParts, Telemetry } from './telemetry.ts';

/**
 * What the whole process shares, handed down explicitly: no registry, no global. A client and a
 * server must share one for calls made inside a handler to inherit its deadline.
 */
export interface Runtime extends CallRuntime {
  /**
   * What this process calls itself where it calls others, who count by it who uses what they
   * deprecated: up to 64 letters, digits and `. _ / -`. It is sent with every call, and proves
   * nothing. Default none, and nothing is sent.
   */
  readonly service?: string | undefined;
  /** What watches calls, the outermost first. */
  readonly telemetry: readonly Telemetry[];
  /** The channels, clients and servers that use this runtime. */
  readonly parts: LiveParts;
}
