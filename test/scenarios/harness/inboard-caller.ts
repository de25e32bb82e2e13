import { HealthDefinition } from '../../../generated/grpc/health/v1/health.ts';
import { LabServiceDefinition } from '../../../generated/inboard/testing/v1/lab.ts';
import {
  type Channel,
  type Client,
  type ClientCall,
  ClientError,
  createChannel,
  createClient,
  insecure,
  type Interceptor,
  type Logger,
  type Runtime,
  Status,
} from '../../../src/index.ts';
import { openPolicyFile, type PolicyFile } from '../../../src/config/policy-file.ts';
import type { Caller, CallOutcome, CallRequest, StreamOutcome } from './caller.ts';
import { makeRuntime } from './inboard-server.ts';
import { nowMs } from './monotonic.ts';
import type { PolicyState, Snapshot } from './protocol.ts';
import type { InboardClientSpec } from './specs.ts';
import { changedResolvers } from './changed-resolvers.ts';

interface InFlight {
  attempts: number;
  longestAttemptMs: number;
  endpoint: string;
}

/** A client of inboard with the policy of its spec, whose attempts are counted. */
export class InboardCaller implements Caller {
  private readonly channel: Channel;
  private readonly client: Client<LabServiceDefinition>;
  private readonly file: PolicyFile | undefined;
  private changes = 0;
  /** Calls under way, by the id in their request. */
  private readonly inFlight = new Map<string, InFlight>();

  private constructor(spec: InboardClientSpec, runtime: Runtime, file: PolicyFile | undefined) {
    const { target, channel, defaults, methods, resolver } = spec;
    const policy = file === undefined ? {} : { policy: file };
    this.file = file;
    file?.onChange(() => this.changes++);
    this.channel = createChannel(target, {
      runtime,
      credentials: insecure(),
      ...channel,
      ...policy,
      ...(resolver !== undefined && { resolvers: changedResolvers(resolver) }),
    });
    this.client = createClient(LabServiceDefinition, this.channel, {
      ...(defaults !== undefined && { defaults }),
      ...(methods !== undefined && { methods }),
      ...policy,
      interceptors: { perAttempt: [this.countAttempts] },
    });
  }

  static async open(spec: InboardClientSpec, logger: Logger): Promise<InboardCaller> {
    const { clock = 'monotonic', jitter, policyFile: path } = spec;
    const runtime = makeRuntime(clock, logger, jitter === false ? () => 0 : Math.random);
    const file = path === undefined ? undefined : await openPolicyFile(path, runtime);
    return new InboardCaller(spec, runtime, file);
  }

  async call(request: CallRequest): Promise<CallOutcome> {
    const { method, id, timeoutMs, headers, expiresAtMs, workMs } = request;
    const seen: InFlight = { attempts: 0, longestAttemptMs: 0, endpoint: '' };
    this.inFlight.set(id, seen);
    const options = { timeoutMs, ...(headers !== undefined && { metadata: headers }) };
    try {
      const { server } = await (method === 'relay'
        ? this.client.relay({ id, expiresAtMs, workMs: [...workMs] }, options)
        : this.client[method]({ id }, options));
      return { code: Status.OK, details: '', server, ...seen };
    } catch (error) {
      return { ...failureOf(error), server: '', ...seen };
    } finally {
      this.inFlight.delete(id);
    }
  }

  follow(id: string, onMessage: () => void, signal: AbortSignal): Promise<StreamOutcome> {
    return readToEnd(this.client.follow({ id }, { signal }), onMessage);
  }

  snapshot(): Snapshot {
    return this.channel.snapshot();
  }

  policy(): PolicyState {
    const problem = this.file?.problem?.message;
    return { changes: this.changes, ...(problem !== undefined && { problem }) };
  }

  async close(): Promise<void> {
    await this.file?.close();
    await this.client[Symbol.asyncDispose]();
    await this.channel[Symbol.asyncDispose]();
  }

  private readonly countAttempts: Interceptor<ClientCall> = (next) => (call) => {
    const seen = this.inFlight.get((call.request as { readonly id: string }).id);
    if (seen !== undefined) {
      seen.attempts++;
      const startMs = nowMs();
      call.onEnd(() => {
        seen.longestAttemptMs = Math.max(seen.longestAttemptMs, nowMs() - startMs);
        seen.endpoint = call.endpoint ?? '';
      });
    }
    return next(call);
  };
}

/** Watches the health of one server, as a load balancer outside of the program does. */
export async function watchHealth(
  address: string,
  runtime: Runtime,
  onMessage: () => void,
  signal: AbortSignal,
): Promise<StreamOutcome> {
  await using client = createClient(HealthDefinition, `static:///${address}`, { runtime });
  return await readToEnd(client.watch({ service: '' }, { signal }), onMessage);
}

async function readToEnd(
  messages: AsyncIterable<unknown>,
  onMessage: () => void,
): Promise<StreamOutcome> {
  try {
    for await (const _message of messages) onMessage();
    return { code: Status.OK, details: '' };
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): StreamOutcome {
  if (error instanceof ClientError) return { code: error.code, details: error.details };
  throw error;
}
