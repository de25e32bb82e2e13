import type { Call } from '../../core/call.ts';
import type { Interceptor } from '../../core/interceptor.ts';
import type { Telemetry } from '../../core/telemetry.ts';
import type { AccessLogOptions } from './access-log-options.ts';
import { accessLogSettings } from './access-log-options.ts';
import type { Describe } from './call-line.ts';
import { describeMade, describeServed } from './call-line.ts';
import { LineWriter } from './line-writer.ts';
import { MessageCounts } from './message-counts.ts';
import { isPlumbing } from '../plumbing.ts';

export type { AccessLogOptions } from './access-log-options.ts';

/**
 * An access log: a line, `call`, when a call is over. Its fields:
 *
 * - `side`, `service`, `method`, `type`: the method's shape, `unknown` for one that is not served;
 * - `code`: the status by name; `details`: the text of a failure, cut to 200 characters;
 * - `durationMs`; `timeoutMs`: what the call had for a deadline when it began; `remainingMs`: what
 *   was left of that at the end, below 0 where it was late; null without a deadline;
 * - `peer`: who called, or the endpoint that answered; null where there was none;
 * - `attempts`, and `rejected` where this process refused to make the call: of clients;
 * - `traceId`, `spanId`: where the call is traced;
 * - `errorId`: the id under which a server has logged the error itself;
 * - `requestMetadata`: what the option `metadata` names;
 * - `requestMessages`, `responseMessages`: of streams;
 * - `slow`: true where it took `slowMs` or longer; `sample`: of a line that stands for 1/`sample`
 *   calls.
 *
 * Levels: `error` for UNKNOWN, INTERNAL and DATA_LOSS, which are defects; `warn` for
 * DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED and
 * PERMISSION_DENIED, which an operator may want to see; `info` for OK and the rest, which callers
 * get wrong by themselves.
 *
 * Never logged: messages, and metadata that the option does not name. A status text is what a
 * handler has put into it. A call that is not logged costs 0.2 µs. Throws a `ConfigError` for
 * options that make no sense.
 */
export function accessLog(options: AccessLogOptions = {}): Telemetry {
  const settings = accessLogSettings(options);
  const writer = new LineWriter(settings);
  const { sides, healthChecks } = settings;
  const layer = <C extends Call>(describe: Describe<C>): Interceptor<C> =>
    logging(writer, describe, healthChecks);
  return {
    ...(sides.has('server') && { serverCall: layer(describeServed) }),
    ...(sides.has('client') && { clientCall: layer(describeMade) }),
  };
}

function logging<C extends Call>(
  writer: LineWriter,
  describe: Describe<C>,
  healthChecks: boolean,
): Interceptor<C> {
  return (next, method) => {
    if (!healthChecks && isPlumbing(method)) return next;
    const streams = method.known && (method.requestStream || method.responseStream);
    return (call) => {
      const startMs = call.runtime.clock.now();
      const counts = streams ? new MessageCounts(call) : undefined;
      call.onEnd((status) => writer.over(call, status, startMs, counts, describe));
      return next(call);
    };
  };
}
