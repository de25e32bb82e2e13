import type { Interceptor } from '../../core/interceptor.ts';
import type { Method } from '../../core/method.ts';
import type { ServerCall } from '../../core/server-call.ts';
import { Status } from '../../core/status.ts';
import { callerLabel } from './caller-label.ts';
import { DeprecatedPart } from './deprecated-part.ts';
import { FieldScan } from './field-scan.ts';

/**
 * Counts who uses what a contract calls deprecated, of the methods that are served: calls of a
 * deprecated method, and request messages in which a deprecated field is set. Whether a field of a
 * response is read, nobody on this side sees.
 *
 * A call counts when its first message is read: its caller is known by then. One that ends before
 * counts at its end, unless the server did not let its caller in (UNAUTHENTICATED): a name that was
 * not believed must not take a place among those who call.
 */
export class DeprecatedUses {
  /** Since when it counts. */
  readonly since: Date = new Date();
  private readonly maxCallers: number;
  private readonly byPath = new Map<string, MethodUses>();

  /** `maxCallers`: how many callers of a part are told apart. */
  constructor(maxCallers: number) {
    this.maxCallers = maxCallers;
  }

  /** All that is deprecated of the methods that are served, used or not. */
  *parts(): Generator<DeprecatedPart> {
    for (const { whole, fields } of this.byPath.values()) {
      if (whole !== undefined) yield whole;
      yield* fields;
    }
  }

  /** A layer that counts; none where a method has nothing deprecated. */
  readonly layer: Interceptor<ServerCall> = (next, method) => {
    const uses = this.usesOf(method);
    if (uses === undefined) return next;
    return (call) => {
      uses.watch(call);
      return next(call);
    };
  };

  /** Those of the path: servers that have the same method share them. */
  private usesOf(method: Method): MethodUses | undefined {
    const { path, deprecated } = method;
    if (deprecated === undefined) return undefined;
    let uses = this.byPath.get(path);
    if (uses === undefined) {
      uses = new MethodUses(method, this.maxCallers);
      this.byPath.set(path, uses);
    }
    return uses;
  }
}

/** What is used of one method. */
class MethodUses {
  readonly whole: DeprecatedPart | undefined;
  readonly fields: readonly DeprecatedPart[];
  private readonly scan: FieldScan | undefined;

  constructor({ path, deprecated }: Method, maxCallers: number) {
    const name = path.slice(1);
    const request = deprecated?.request;
    this.whole = deprecated?.method === true ? new DeprecatedPart(name, '', maxCallers) : undefined;
    this.scan = request === undefined ? undefined : new FieldScan(request);
    const names = this.scan?.names ?? [];
    this.fields = names.map((field) => new DeprecatedPart(name, field, maxCallers));
  }

  watch(call: ServerCall): void {
    const { whole, fields, scan } = this;
    let caller: string | undefined;
    let counted = whole === undefined;
    const count = (part: DeprecatedPart | undefined): void => {
      caller ??= callerLabel(call);
      part?.count(caller, call.runtime.clock.now());
    };
    const countCall = (): void => {
      if (counted) return;
      counted = true;
      count(whole);
    };
    call.onRequestBytes((bytes) => {
      countCall();
      scan?.find(bytes, (place) => count(fields[place]));
    });
    if (counted) return;
    call.onEnd(({ code }) => {
      if (code !== Status.UNAUTHENTICATED) countCall();
    });
  }
}
