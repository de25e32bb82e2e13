import type { ShapesImplementation } from '../../support/harness.ts';
import { deferred } from '../../support/harness.ts';

/** A handler that holds its calls, and tells when one has begun. */
export function holding(): {
  unary: ShapesImplementation['unary'];
  begun: () => number;
  go: () => void;
} {
  const held = deferred();
  let begun = 0;
  const unary = async (): Promise<object> => {
    begun++;
    await held.promise;
    return {};
  };
  return { unary, begun: () => begun, go: held.resolve };
}
