// The server as a process of its own. README.md lists what the environment may say to it.
import { createRuntime, createServer } from 'inboard';

import { descriptors } from '../generated/descriptors.ts';
import { ProjectNameServiceDefinition } from '../generated/project_name/v1/project_name.ts';
import { projectNameOptions, projectNameService } from './service.ts';
import { readSettings } from './settings.ts';

// Under this name consoles show it, and servers that it calls count it.
const runtime = createRuntime({ service: 'project-name' });

try {
  const { listen, admin, credentials, drain } = readSettings();
  const server = createServer({
    runtime,
    // Drains, then ends the process with 0; a second signal ends it at once.
    signals: ['SIGTERM', 'SIGINT'],
    drain,
    // Answered on loopback only, unless told `everywhere`.
    reflection: { descriptors },
  });
  server.add(ProjectNameServiceDefinition, projectNameService, projectNameOptions);

  const { url } = await server.admin.listen(admin);
  const { address } = await server.listen(listen, credentials && { credentials });
  runtime.logger.info({ address, console: `${url}/console` }, 'project-name is serving');
} catch (error) {
  // An address in use, or one that others reach with neither TLS nor PLAINTEXT=true.
  const reason = error instanceof Error ? error.message : String(error);
  runtime.logger.error({ reason }, 'project-name cannot serve: see Settings in README.md');
  process.exit(1);
}
