import { ServerError, Status } from 'nice-grpc-common';

import type {
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../generated/grpc/health/v1/health.ts';
import {
  HealthCheckResponse_ServingStatus as Serving,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import type { CallContext } from './handler-context.ts';
import type { ServiceImplementation } from './implementation.ts';

export type HealthStatus = 'SERVING' | 'NOT_SERVING' | 'UNKNOWN';

/** The most services that `List` tells; the protocol asks for a bound. */
const MAX_LISTED = 100;

/**
 * What `grpc.health.v1.Health` answers. The empty name stands for the server as a whole; services
 * that are added start as SERVING.
 */
export class HealthRegistry {
  private readonly statuses = new Map<string, HealthStatus>([['', 'SERVING']]);
  private readonly watchers = new Set<() => void>();
  private over = false;

  /** True once the server drains: nothing more will change. */
  get ended(): boolean {
    return this.over;
  }

  get(service: string): HealthStatus | undefined {
    return this.statuses.get(service);
  }

  set(service: string, status: HealthStatus): void {
    if (this.over || this.statuses.get(service) === status) return;
    this.statuses.set(service, status);
    for (const watcher of [...this.watchers]) watcher();
  }

  /** Sets every service, the server itself included. */
  setAll(status: HealthStatus): void {
    for (const service of this.statuses.keys()) this.set(service, status);
  }

  /** Turns every service NOT_SERVING for good. Watches end once they have told it. */
  end(): void {
    this.over = true;
    for (const service of this.statuses.keys()) this.statuses.set(service, 'NOT_SERVING');
    for (const watcher of [...this.watchers]) watcher();
  }

  entries(): IterableIterator<[string, HealthStatus]> {
    return this.statuses.entries();
  }

  /** Calls `listener` after each change; returns what ends that. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }
}

/** The health service over a registry. */
export function healthService(
  registry: HealthRegistry,
): ServiceImplementation<typeof HealthDefinition> {
  return {
    async check({ service }) {
      const status = registry.get(service);
      if (status === undefined) {
        throw new ServerError(Status.NOT_FOUND, `The service '${service}' is not known here`);
      }
      return { status: wireStatus(status) };
    },
    watch: ({ service }, context) => watchService(registry, service, context),
    async list() {
      const statuses = new Map<string, HealthCheckResponse>();
      for (const [service, status] of registry.entries()) {
        statuses.set(service, { status: wireStatus(status) });
      }
      if (statuses.size > MAX_LISTED) {
        const details = `${statuses.size} services are more than the ${MAX_LISTED} that List tells`;
        throw new ServerError(Status.RESOURCE_EXHAUSTED, details);
      }
      return { statuses };
    },
  };
}

async function* watchService(
  registry: HealthRegistry,
  service: string,
  { call }: CallContext,
): AsyncGenerator<HealthCheckResponse> {
  let wake: () => void = () => undefined;
  const unwatch = registry.watch(() => wake());
  const uncancel = call.onCancel(() => wake());
  try {
    let told: ServingStatus | undefined;
    while (call.cancelled === undefined && call.ended === undefined) {
      const status = wireStatus(registry.get(service));
      if (status !== told) {
        told = status;
        yield { status };
      } else if (registry.ended) {
        // A watch that stayed open would hold up the drain.
        throw new ServerError(Status.UNAVAILABLE, 'The server is shutting down');
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    unwatch();
    uncancel();
  }
}

function wireStatus(status: HealthStatus | undefined): ServingStatus {
  return status === undefined ? Serving.SERVICE_UNKNOWN : Serving[status];
}

export { HealthDefinition };
