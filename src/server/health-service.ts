import { ServerError, Status } from 'nice-grpc-common';

import type {
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthDefinition,
} from '../../generated/grpc/health/v1/health.ts';
import { HealthCheckResponse_ServingStatus as Serving } from '../../generated/grpc/health/v1/health.ts';
import { SHUTTING_DOWN, StatusError } from '../core/server-call.ts';
import type { CallContext } from './handler-context.ts';
import type { HealthRegistry, HealthStatus } from './health.ts';
import type { ServiceImplementation } from './implementation.ts';

/** The most services that `List` tells; the protocol asks for a bound. */
const MAX_LISTED = 100;

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
        throw new StatusError(SHUTTING_DOWN);
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
