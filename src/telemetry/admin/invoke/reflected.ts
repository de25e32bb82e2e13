import type { DescMethod, FileRegistry } from '@bufbuild/protobuf';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

import type { Server } from '../../../server/server.ts';

/** A method that a server serves and whose messages are described. */
export interface ReflectedMethod {
  readonly server: Server;
  readonly path: string;
  readonly desc: DescMethod;
  readonly registry: FileRegistry;
}

/** What can be called by reflection: read once a server, for descriptors do not change. */
export class Reflected {
  private readonly registries = new WeakMap<Server, Promise<FileRegistry | undefined>>();

  /** By path; of a method that two servers have, the first one's. */
  async methods(servers: readonly Server[]): Promise<ReadonlyMap<string, ReflectedMethod>> {
    const methods = new Map<string, ReflectedMethod>();
    for (const server of servers) {
      const registry = await this.registryOf(server);
      if (registry === undefined) continue;
      for (const { path, service, name } of server.methods()) {
        const desc = registry.getService(service)?.methods.find((each) => each.name === name);
        if (desc === undefined || methods.has(path)) continue;
        methods.set(path, { server, path, desc, registry });
      }
    }
    return methods;
  }

  private registryOf(server: Server): Promise<FileRegistry | undefined> {
    let registry = this.registries.get(server);
    if (registry === undefined) {
      registry = read(server);
      this.registries.set(server, registry);
    }
    return registry;
  }
}

async function read(server: Server): Promise<FileRegistry | undefined> {
  const bytes = await server.descriptors();
  return bytes && createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}
