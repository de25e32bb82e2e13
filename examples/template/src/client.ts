// A first typed call: `npm run call -- [NAME...]`, while the server runs.
import { createClient, createRuntime, insecure, RpcError, Status } from 'inboard';

import { ProjectNameServiceDefinition } from '../generated/project_name/v1/project_name.ts';
import { isPlaintext } from './settings.ts';

const target = process.env['PROJECT_NAME_TARGET'] ?? 'dns:///localhost:50051';
const [name = 'world', ...others] = process.argv.slice(2);

// TLS to everywhere but loopback, unless the network may be trusted.
await using client = createClient(ProjectNameServiceDefinition, target, {
  // Servers count under this name who uses what they deprecate.
  runtime: createRuntime({ service: 'project-name-client' }),
  ...(isPlaintext() ? { credentials: insecure() } : {}),
});

try {
  const { greeting } = await client.greet({ name });
  console.log(greeting);
  for await (const each of client.greetEach({ names: others })) console.log(each.greeting);
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  console.error(`${Status[error.code]}: ${error.details}`);
  if (error.code === Status.UNAVAILABLE) console.error('Is the server up? npm start');
  process.exitCode = 1;
}
