import { withoutPort } from '../../core/address.ts';
import { CALLER_HEADER, isCallerName } from '../../core/caller-name.ts';
import { IDENTITY } from '../../core/identity.ts';
import type { ServerCall } from '../../core/server-call.ts';

/** How much of a subject a label has, in characters. */
const SUBJECT_CHARS = 128;

/**
 * What a caller is known by: who it proved to be, else what it calls itself, else the address it
 * calls from, without the port. A name that is none of `CALLER_HEADER`'s is taken for no name.
 */
export function callerLabel(call: ServerCall): string {
  const subject = call.get(IDENTITY)?.subject;
  if (typeof subject === 'string' && subject !== '') return shown(subject);
  const [name, ...more] = call.headers.getAll(CALLER_HEADER);
  if (more.length === 0 && isCallerName(name)) return name;
  return withoutPort(call.peer.address);
}

/** A subject is whatever a certificate or a token says. */
function shown(subject: string): string {
  return subject
    .slice(0, SUBJECT_CHARS)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '?');
}
