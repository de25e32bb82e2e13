import { HealthCheckResponse_ServingStatus as ServingStatus } from '../../../generated/grpc/health/v1/health.ts';
import type { CallOptions } from '../../index.ts';
import { createClient, HealthDefinition, RpcError, Status } from '../../index.ts';
import { connect, requestMetadata } from '../connect.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { OutputOptions, TargetOptions } from '../options.ts';
import { print, withProgress } from '../output.ts';
import { explainFailure } from '../rpc-failure.ts';

export interface HealthOptions extends TargetOptions, OutputOptions {
  readonly watch?: true;
}

/** Prints a service's health. The exit code is 0 only where the last word was SERVING. */
export async function health(service: string = '', options: HealthOptions): Promise<void> {
  const { target = '', timeout } = options;
  const told: CallOptions = {
    metadata: requestMetadata(options.header),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
  };
  const channel = await connect(options);
  try {
    await using client = createClient(HealthDefinition, channel);
    let last = '';
    const tell = async (code: number): Promise<void> => {
      last = nameOf(code);
      await print(options.output === 'json' ? JSON.stringify({ service, status: last }) : last);
    };
    if (options.watch === true) {
      for await (const { status } of client.watch({ service }, told)) await tell(status);
    } else {
      const answer = client.check({ service }, told);
      await tell((await withProgress(`asking ${target}`, answer)).status);
    }
    if (last !== 'SERVING') process.exitCode = EXIT.failure;
  } catch (error) {
    throw explain(error, service, target);
  } finally {
    await channel[Symbol.asyncDispose]();
  }
}

function nameOf(code: number): string {
  const found = Object.entries(ServingStatus).find(([, value]) => value === code);
  return found?.[0] ?? `UNRECOGNIZED (${code})`;
}

function explain(error: unknown, service: string, target: string): unknown {
  const { code } = error instanceof RpcError ? error : { code: Status.OK };
  if (code === Status.UNIMPLEMENTED) {
    return new CliFailure(`${target} does not serve grpc.health.v1`, {
      exitCode: EXIT.status + code,
      hint: 'Without it nothing can be said of its health; inboard servers have it.',
    });
  }
  if (code === Status.NOT_FOUND) {
    return new CliFailure(`${target} says nothing of the health of '${service}'`, {
      exitCode: EXIT.status + code,
      hint: `\`inboard health --target ${target}\` asks for the server as a whole.`,
    });
  }
  return explainFailure(error, target);
}
