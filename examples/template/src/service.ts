import type { ServiceImplementation, ServiceOptions } from 'inboard';

import type { ProjectNameServiceDefinition } from '../generated/project_name/v1/project_name.ts';

/** What the methods do. Each gets its request typed, and a context: deadline, signal, metadata. */
export const projectNameService: ServiceImplementation<ProjectNameServiceDefinition> = {
  async greet({ name }) {
    return { greeting: greetingOf(name) };
  },

  async *greetEach({ names }) {
    for (const name of names) yield { greeting: greetingOf(name) };
  },
};

/** Looks at each request before its method does: callers get INVALID_ARGUMENT, field by field. */
export const projectNameOptions: ServiceOptions<ProjectNameServiceDefinition> = {
  validate: {
    greet: ({ name }) => (name === '' ? [{ field: 'name', description: 'is empty' }] : []),
  },
};

function greetingOf(name: string): string {
  return `Hello, ${name}!`;
}
