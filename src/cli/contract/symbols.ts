import type {
  DescEnum,
  DescExtension,
  DescMessage,
  DescMethod,
  DescService,
  Registry,
} from '@bufbuild/protobuf';

import { didYouMean } from '../../config/did-you-mean.ts';
import { usageFailure } from '../failure.ts';
import type { Contract } from './contract.ts';

export type Described = DescService | DescMethod | DescMessage | DescEnum | DescExtension;

/** `package.Service/Method` as `package.Service.Method`, which is a symbol's own form. */
export function symbolOf(text: string): string {
  return text.replace(/^[/.]/, '').replace('/', '.');
}

/** What a symbol names; a method by its service's name and its own. */
export function findIn(registry: Registry, symbol: string): Described | undefined {
  const type = registry.get(symbol);
  if (type !== undefined) return type;
  const { service, method } = splitMethod(symbol);
  return registry.getService(service)?.methods.find(({ name }) => name === method);
}

export function declares(registry: Registry, symbol: string): boolean {
  return findIn(registry, symbol) !== undefined;
}

function splitMethod(symbol: string): { readonly service: string; readonly method: string } {
  const dot = symbol.lastIndexOf('.');
  return { service: symbol.slice(0, Math.max(dot, 0)), method: symbol.slice(dot + 1) };
}

/** The service and method to call, and the types that they use. */
export async function findMethod(
  contract: Contract,
  text: string,
): Promise<{ readonly method: DescMethod; readonly registry: Registry }> {
  const { service: name, method: methodName } = splitMethod(symbolOf(text));
  if (name === '') {
    throw usageFailure(
      `'${text}' is no method`,
      'Write package.Service/Method, as `inboard list` prints them.',
    );
  }
  const { service, registry } = await findService(contract, name);
  const method = service.methods.find((each) => each.name === methodName);
  if (method !== undefined) return { method, registry };
  const names = service.methods.map((each) => each.name);
  throw usageFailure(
    `${service.typeName} has no method '${methodName}'`,
    suggestion(methodName, names) ?? `It has: ${names.join(', ')}`,
  );
}

/** A service by its full name. */
export async function findService(
  contract: Contract,
  name: string,
): Promise<{ readonly service: DescService; readonly registry: Registry }> {
  const registry = await contract.find(name);
  const service = registry?.getService(name);
  if (registry !== undefined && service !== undefined) return { service, registry };
  if (registry !== undefined) throw usageFailure(`'${name}' of ${contract.origin} is no service`);
  throw await unknownSymbol(contract, name, 'service');
}

/** A name that the contract does not know, and what was probably meant. */
export async function unknownSymbol(
  contract: Contract,
  name: string,
  kind: string,
): Promise<Error> {
  const services = await contract.services();
  const listed = services.length === 0 ? 'It has none.' : `It has: ${services.join(', ')}`;
  const meant = suggestion(name, services);
  const hint =
    kind === 'service' ? (meant ?? listed) : (meant ?? 'Give the full name, package included.');
  return usageFailure(`${contract.origin} knows no ${kind} '${name}'`, hint);
}

function suggestion(name: string, candidates: readonly string[]): string | undefined {
  const bare = candidates.filter((candidate) => candidate.endsWith(`.${name}`));
  const meant = bare.length === 1 ? bare[0] : didYouMean(name, candidates);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}
