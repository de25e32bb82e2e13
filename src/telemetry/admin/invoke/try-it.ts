import type { ServerResponse } from 'node:http';

import type { DescMethod, Registry } from '@bufbuild/protobuf';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { Metadata } from 'nice-grpc-common';

import type { Clock } from '../../../core/clock.ts';
import { describe } from '../../../core/errors.ts';
import type { Runtime } from '../../../core/runtime.ts';
import { Status } from '../../../core/status.ts';
import type { InvokeResponse, TryMethod } from '../../console/console-state.ts';
import type { Exchange } from '../http-server.ts';
import { serversOf } from '../readiness.ts';
import type { Reply } from '../reply.ts';
import { json, readBody } from '../reply.ts';
import type { LocalResponse } from './local-wire.ts';
import { LocalWire } from './local-wire.ts';
import { BadRequest, encodeMessages, parseMetadata, parseRequest } from './parse-request.ts';
import type { ReflectedMethod } from './reflected.ts';
import { Reflected } from './reflected.ts';
import { fieldsOf, templateOf } from './template.ts';

/** Largest request, in bytes. */
const BODY_BYTES = 1024 * 1024;

/** Calls at a time. */
const MOST = 8;

/** How much later than its deadline a call is cut off that has no layer for that, in ms. */
const LATE_MS = 250;

const TYPES = {
  unary: 'unary',
  client_streaming: 'client_stream',
  server_streaming: 'server_stream',
  bidi_streaming: 'bidi_stream',
} as const;

/** A call that could be sent now. */
interface PreparedCall {
  readonly found: ReflectedMethod;
  readonly wire: LocalWire;
  readonly timeoutMs: number;
}

/**
 * Calls of the servers of this process, for a person who tries them: through the server's whole
 * stack, authentication and limits included, with no connection.
 */
export class TryIt {
  private readonly runtime: Runtime;
  private readonly clock: Clock;
  private readonly reflected = new Reflected();
  private readonly open = new Set<LocalWire>();

  constructor(runtime: Runtime, clock: Clock) {
    this.runtime = runtime;
    this.clock = clock;
  }

  /**
   * What can be called, by name: of servers with reflection, and where it is told to other machines
   * (not `local`), with reflection for those.
   */
  async methods(local: boolean): Promise<TryMethod[]> {
    const methods = await this.reachable();
    return [...methods.values()]
      .filter(({ server }) => local || server.reflectsEverywhere)
      .map(({ desc }) => ({
        service: desc.parent.typeName,
        method: desc.name,
        type: TYPES[desc.methodKind],
        template: JSON.stringify(templateOf(desc.input), null, 2),
        fields: fieldsOf(desc.input),
      }))
      .toSorted((a, b) => (`${a.service}/${a.method}` < `${b.service}/${b.method}` ? -1 : 1));
  }

  /** Answers a POST. Only the console's own page may send one: a browser says where it is from. */
  async call({ request, response }: Exchange): Promise<Reply> {
    const { origin, 'content-type': type = '' } = request.headers;
    if (origin === undefined) return refuse(403, 'A call must have an Origin: use the console');
    if (!/^application\/json\s*(?:;|$)/i.test(type)) return refuse(415, 'Send application/json');
    try {
      const body = await readBody(request, BODY_BYTES);
      if (body === undefined) return refuse(413, `The body is over ${BODY_BYTES} bytes`);
      const prepared = await this.prepare(body);
      // Not before: bodies may come as slowly as they like, and then all at once.
      if (this.open.size >= MOST) {
        const busy = refuse(429, `${MOST} calls are under way from here`);
        return { ...busy, headers: { 'Retry-After': '1' } };
      }
      return json(200, await this.run(prepared, response));
    } catch (error) {
      if (error instanceof BadRequest) return refuse(400, error.message);
      throw error;
    }
  }

  /** Calls under way end with the listener. */
  close(): void {
    const details = 'The admin listener has closed';
    for (const wire of this.open) wire.cancel({ code: Status.CANCELLED, details });
  }

  private async prepare(body: string): Promise<PreparedCall> {
    const { service, method, message, metadata, timeoutMs } = parseRequest(body);
    const path = `/${service}/${method}`;
    const found = (await this.reachable()).get(path);
    if (found === undefined) {
      throw new BadRequest(`method: no server here has ${service}/${method} in its descriptors`);
    }
    const wire = new LocalWire({
      path,
      metadata: parseMetadata(metadata),
      messages: encodeMessages(found.desc, message, found.registry),
      timeoutMs,
      limits: found.server.limits,
    });
    return { found, wire, timeoutMs };
  }

  private async run(call: PreparedCall, response: ServerResponse): Promise<InvokeResponse> {
    const { desc, registry } = call.found;
    const beginMs = this.clock.now();
    const result = await this.send(call, response);
    return told(desc, registry, result, this.clock.now() - beginMs);
  }

  private async send(
    { found, wire, timeoutMs }: PreparedCall,
    response: ServerResponse,
  ): Promise<LocalResponse> {
    const cancel = (details: string, code: Status = Status.CANCELLED): void =>
      wire.cancel({ code, details });
    const left = (): void => cancel('The console has left');
    const late = this.clock.setTimer(this.clock.now() + timeoutMs + LATE_MS, () =>
      cancel(`The call took longer than ${timeoutMs} ms`, Status.DEADLINE_EXCEEDED),
    );
    this.open.add(wire);
    response.once('close', left);
    try {
      found.server.accept(wire);
      return await wire.response;
    } finally {
      this.open.delete(wire);
      response.off('close', left);
      late.clear();
    }
  }

  private reachable(): Promise<ReadonlyMap<string, ReflectedMethod>> {
    return this.reflected.methods(serversOf(this.runtime.parts));
  }
}

function told(
  { output }: DescMethod,
  registry: Registry,
  { status, messages, dropped, header }: LocalResponse,
  durationMs: number,
): InvokeResponse {
  return {
    code: Status[status.code] ?? String(status.code),
    details: status.details,
    durationMs,
    messages: messages.map((bytes) => {
      try {
        return toJson(output, fromBinary(output, bytes), { registry, alwaysEmitImplicit: true });
      } catch (error) {
        return { error: `This message cannot be shown: ${describe(error)}` };
      }
    }),
    dropped,
    header: texts(header),
    trailer: texts(status.metadata),
  };
}

function texts(metadata: Metadata | undefined): Record<string, string> {
  const pairs = [...(metadata ?? [])].map(([key, values]): [string, string] => [
    key,
    values
      .map((value) => (typeof value === 'string' ? value : Buffer.from(value).toString('base64')))
      .join(', '),
  ]);
  return Object.fromEntries(pairs);
}

function refuse(status: number, error: string): Reply {
  return json(status, { error });
}
