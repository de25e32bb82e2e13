import { bounded as boundedFor } from '../core/bounded.ts';
import type { ClientCall } from '../core/client-call.ts';
import type { Handler } from '../core/interceptor.ts';
import type { Payload } from '../core/method.ts';

/** A fallback gives the layers below it one turn, and needs the next one for its own answer. */
const TURNS = 2;

/** Runs a call through its stack, and holds its caller no longer than the call lives. */
export function bounded(call: ClientCall, handler: Handler<ClientCall>): Promise<Payload> {
  return boundedFor(call, handler, TURNS);
}
