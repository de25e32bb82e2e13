import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { fixtureTree } from '../tooling/fixture-tree.ts';
import { inboard } from './cli.ts';
import { BARE } from './new-fixture.ts';

interface Probe {
  readonly grpc: { readonly port: number; readonly service?: string };
  readonly periodSeconds: number;
  readonly failureThreshold?: number;
}

interface Container {
  readonly image: string;
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env: readonly { readonly name: string; readonly value: unknown }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly resources: unknown;
  readonly securityContext: unknown;
}

interface Selector {
  readonly matchLabels: unknown;
}

interface Deployment {
  readonly spec: {
    readonly selector: Selector;
    readonly template: {
      readonly metadata: { readonly labels: unknown };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
        readonly containers: readonly [Container];
      };
    };
  };
}

interface Service {
  readonly spec: {
    readonly clusterIP: string;
    readonly selector: unknown;
    readonly ports: readonly { readonly name: string; readonly port: number }[];
  };
}

interface Budget {
  readonly spec: { readonly selector: Selector };
}

let project: string;
let deployment: Deployment['spec'];
let service: Service['spec'];
let budget: Budget['spec'];
let objects: readonly unknown[];

beforeEach(async () => {
  const cwd = await fixtureTree({});
  await inboard(['new', 'my-shop', ...BARE], { cwd });
  project = join(cwd, 'my-shop');
  const documents = parseAllDocuments(await read('k8s.yaml'));
  objects = documents.map((document) => document.toJS({}) as unknown);
  const [first, second, third] = objects as readonly [Deployment, Service, Budget];
  deployment = first.spec;
  service = second.spec;
  budget = third.spec;
});

function read(name: string): Promise<string> {
  return readFile(join(project, name), 'utf8');
}

test('is a deployment, a service and a budget of disruptions, by the name of the project', () => {
  expect(objects).toMatchObject([
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'my-shop' } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'my-shop' } },
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'my-shop' } },
  ]);
});

test('probes ask the health service, in the port that the image serves it at', async () => {
  const { containers } = deployment.template.spec;
  const { startupProbe, readinessProbe, livenessProbe, ports } = containers[0];
  const grpc = ports.find(({ name }) => name === 'grpc')?.containerPort;
  const dockerfile = await read('Dockerfile');
  expect(dockerfile).toContain(`ENV LISTEN_ADDRESS=0.0.0.0:${grpc}\n`);
  const exposed = ports.map(({ containerPort }) => containerPort).join(' ');
  expect(dockerfile).toContain(`EXPOSE ${exposed}\n`);

  // Alive is the process; ready is the service, which may wait for what it needs.
  expect(startupProbe.grpc).toEqual({ port: grpc });
  expect(livenessProbe.grpc).toEqual({ port: grpc });
  expect(readinessProbe.grpc).toEqual({ port: grpc, service: 'my_shop.v1.MyShopService' });
  const contract = await read('proto/my_shop/v1/my_shop.proto');
  expect(contract).toContain('package my_shop.v1;');
  expect(contract).toContain('service MyShopService {');
});

test('a pod has the time to drain', async () => {
  const { terminationGracePeriodSeconds, containers } = deployment.template.spec;
  const { env, lifecycle } = containers[0];
  const msOf = (name: string): number => Number(env.find((each) => each.name === name)?.value);
  const drainMs = msOf('DRAIN_PROPAGATION_MS') + msOf('DRAIN_GRACE_MS');
  const { seconds } = lifecycle.preStop.sleep;
  expect(seconds).toBeGreaterThan(0);
  expect(drainMs).toBeGreaterThan(0);
  expect(terminationGracePeriodSeconds).toBeGreaterThan(seconds + drainMs / 1_000);
});

test('its environment is what the server reads, as text', async () => {
  const settings = await read('src/settings.ts');
  const [{ env }] = deployment.template.spec.containers;
  expect(env.map(({ name }) => name)).toContain('PLAINTEXT');
  for (const { name, value } of env) {
    expect(settings).toContain(name);
    // Kubernetes refuses numbers and booleans here.
    expect(typeof value).toBe('string');
  }
  const image = [...(await read('Dockerfile')).matchAll(/^ENV (\w+)=/gm)].map(([, name]) => name);
  expect(image).toEqual(['NODE_ENV', 'LISTEN_ADDRESS', 'ADMIN_ADDRESS', 'DRAIN_PROPAGATION_MS']);
  for (const name of image.slice(1)) expect(settings).toContain(name);
});

test('is headless, so that clients balance themselves, and selects its pods', () => {
  const { labels } = deployment.template.metadata;
  expect(deployment.selector.matchLabels).toEqual(labels);
  expect(service.selector).toEqual(labels);
  expect(budget.selector.matchLabels).toEqual(labels);
  expect(service.clusterIP).toBe('None');
  const [{ ports }] = deployment.template.spec.containers;
  const own = ports.map(({ name, containerPort }) => ({ name, port: containerPort }));
  expect(service.ports.map(({ name, port }) => ({ name, port }))).toEqual(own);
});

test('runs as the user of the image, who is not root and may write nothing', async () => {
  const { securityContext, containers } = deployment.template.spec;
  expect(securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const { runAsUser, runAsGroup } = securityContext;
  expect(await read('Dockerfile')).toContain(`USER ${runAsUser}:${runAsGroup}\n`);
  expect(containers[0].securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  expect(containers[0].resources).toMatchObject({ requests: {}, limits: { memory: '256Mi' } });
  const { version } = JSON.parse(await read('package.json')) as { readonly version: string };
  expect(containers[0].image).toBe(`my-shop:${version}`);
});
