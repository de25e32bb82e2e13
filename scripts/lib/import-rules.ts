/**
 * Who may import whom below `src/`. A part is a folder or an entry file; the longest name that fits
 * a file is its part. Files of one part may always import each other. What a part may import is
 * other parts, or single files of them.
 *
 * A part that is not here may not exist: adding one means saying what it may know.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  // The core knows nothing of the project; mechanisms know the core.
  core: [],
  policies: ['core'],
  // Policies from code and from files, checked and laid over each other.
  config: ['core', 'policies', 'generated'],
  // Contracts as descriptors: what their options say, and what of it makes no sense.
  contract: ['core', 'policies', 'config'],
  // What buf runs: checks contracts and has ts-proto write the code.
  codegen: ['core', 'contract'],
  codec: ['core'],
  http2: ['core'],

  // google.rpc.Status and its details, as errors.
  errors: ['core', 'generated'],

  // Only a transport knows a wire, and no transport knows another one.
  transports: ['core'],
  'transports/grpc-js': ['core', 'transports'],
  'transports/native': ['core', 'transports', 'http2', 'codec'],

  // Layers and channels stand on mechanisms, never on each other.
  interceptors: ['core', 'policies'],
  channel: ['core', 'policies', 'generated'],

  // The two sides put them together, and do not know each other.
  client: ['core', 'policies', 'config', 'interceptors', 'channel'],
  server: ['core', 'policies', 'errors', 'interceptors', 'channel', 'generated'],

  // Watches calls from core's place for it, and looks into whatever there is.
  telemetry: ['core', 'policies', 'config', 'channel', 'client', 'server'],

  // The public entries. `index.ts` alone wires the default transport and runtime.
  auth: ['core', 'policies', 'interceptors'],
  'auth.ts': ['auth'],
  'contract.ts': ['core', 'policies', 'config', 'contract'],
  'index.ts': [
    'core',
    'policies',
    'config',
    'errors',
    'telemetry',
    'codec',
    'transports',
    'transports/grpc-js',
    'transports/native',
    'interceptors',
    'channel',
    'client',
    'server',
    'generated',
  ],

  // These see what a user sees. Nothing is listed as importing `cli`, so nothing may.
  compat: ['index.ts', 'auth.ts'],
  testing: ['index.ts', 'auth.ts', 'core', 'transports', 'generated'],
  // Beside those names, code for the services it speaks, and single files that know nothing else:
  // the version, which must not load the library for `--help`; the ones that admin listeners share
  // with it.
  cli: [
    'index.ts',
    'auth.ts',
    'contract.ts',
    'generated',
    'core/version.ts',
    'config/did-you-mean.ts',
    'telemetry/console/console-state.ts',
    'telemetry/deprecations/report.ts',
  ],
};

/** Packages that only some parts may import. */
export const packageOnlyIn: Readonly<Record<string, readonly string[]>> = {
  '@grpc/grpc-js': ['transports/grpc-js'],
  '@opentelemetry/api': ['telemetry'],
  'prom-client': ['telemetry'],
};

/** The part of a file, given its path below `src/`; undefined where the table knows none. */
export function partOf(file: string): string | undefined {
  const fitting = Object.keys(mayImport).filter(
    (part) => file === part || file.startsWith(`${part}/`),
  );
  return fitting.toSorted((a, b) => b.length - a.length)[0];
}
