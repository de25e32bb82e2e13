import type { PackageNames } from './manifest.ts';

/** What the package says of itself. `services`: the module of each, by its full name. */
export function readmeOf(
  { name, version }: PackageNames,
  services: ReadonlyMap<string, string>,
): string {
  const rows = [...services].map(
    ([service, module]) => `| \`${service}\` | \`${name}/${module}\` |`,
  );
  const [[service, module] = ['orders.v1.OrdersService', 'orders/v1/orders.js']] = services;
  const definition = `${service.slice(service.lastIndexOf('.') + 1)}Definition`;
  return `# ${name}

gRPC contracts, made by \`inboard publish\`. Edit them where they come from.

| service | import |
|---|---|
${rows.join('\n')}

\`\`\`ts
import { createClient } from 'inboard';
import { ${definition} } from '${name}/${module}';

const client = createClient(${definition}, 'dns:///HOST:50051');
\`\`\`

\`proto/\` has the contracts themselves, \`image.binpb\` all of them as descriptors:

\`\`\`sh
inboard describe --image node_modules/${name}/image.binpb
inboard check --against node_modules/${name}      # whether your contracts still keep to ${version}
\`\`\`
`;
}
