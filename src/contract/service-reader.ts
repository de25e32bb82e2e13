import type { DescExtension, DescMethod, DescService } from '@bufbuild/protobuf';
import { getExtension, hasExtension } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';

import { defaultTimeoutMs } from '../config/effective-policy.ts';
import type { Idempotency, MethodFacts } from '../core/method.ts';
import { shapeOf } from '../core/method.ts';
import type { MethodPolicy } from '../policies/policy.ts';
import { checkTimeouts, checkValues } from './check-values.ts';
import type { ContractMethod } from './contract.ts';
import { layOver, NO_OPTION, refusedRepeats, repeats } from './contract-policy.ts';
import type { ContractProblem, Place, Places } from './places.ts';
import type { OptionValues, Refusal, Values } from './read-option.ts';
import { optionName, readOption } from './read-option.ts';

// Field numbers in descriptor.proto.
const FILE_SERVICE = 6;
const SERVICE_METHOD = 2;
const SERVICE_OPTIONS = 3;
const METHOD_OPTIONS = 4;
const NAME = 1;
const IDEMPOTENCY_LEVEL = 34;

/** The options of policy.proto, where a descriptor set has them. */
export interface PolicyOptions {
  readonly service: DescExtension | undefined;
  readonly method: DescExtension | undefined;
}

type Path = readonly number[];

/** Reads the methods of one service, and notes what is wrong with their options. */
export class ServiceReader {
  readonly problems: ContractProblem[] = [];
  readonly methods: readonly ContractMethod[];
  private readonly extensions: PolicyOptions;
  private readonly places: Places;
  private readonly own: OptionValues;
  /** What of the service's own option is refused already. */
  private readonly refusedKeys: ReadonlySet<string>;

  /** `index`: which one of its file it is. */
  constructor(service: DescService, index: number, extensions: PolicyOptions, places: Places) {
    this.extensions = extensions;
    this.places = places;
    const at = [FILE_SERVICE, index];
    const path = [...at, SERVICE_OPTIONS];
    this.own = optionOf(service.proto.options, extensions.service, path);
    const refused = this.checkService(service);
    this.refusedKeys = new Set(refused.map(({ key }) => key));
    this.refuse(service.name, refused, (key) => nearest(this.own.paths, key) ?? path);
    this.methods = service.methods.map((method, i) =>
      this.readMethod(method, [...at, SERVICE_METHOD, i]),
    );
  }

  private checkService({ methods }: DescService): Refusal[] {
    const { values, refused } = this.own;
    const forNone = methods.length > 0 && repeats(values) && !methods.some(isIdempotent);
    return [
      ...refused,
      ...checkValues(values),
      ...checkTimeouts(values, values, Infinity),
      ...(forNone ? refusedRepeats(values, FOR_NO_METHOD) : []),
    ];
  }

  private readMethod(method: DescMethod, at: Path): ContractMethod {
    const path = [...at, METHOD_OPTIONS];
    const own = optionOf(method.proto.options, this.extensions.method, path);
    const facts = factsOf(method);
    const { values, paths } = layOver(this.own, own, isIdempotent(method));
    const option = own === NO_OPTION ? [...at, NAME] : path;
    const pathOf = (key: string): Path => nearest(paths, key) ?? option;
    this.refuse(
      method.name,
      this.checkMethod(facts, own, values),
      (key) => nearest(own.paths, key) ?? pathOf(key),
    );
    const placeOf = (key: string): Place =>
      this.places.of(key === 'idempotent' ? pathOfLevel(method, at) : pathOf(key));
    const policy = Object.keys(values).length === 0 ? undefined : (values as MethodPolicy);
    return { ...facts, fullName: `${facts.service}/${facts.name}`, policy, placeOf };
  }

  private checkMethod(facts: MethodFacts, own: OptionValues, values: Values): Refusal[] {
    const { timeoutMs, attemptTimeoutMs } = own.values;
    const ownTimes = timeoutMs !== undefined || attemptTimeoutMs !== undefined;
    const byDefault = values['timeoutMs'] === undefined;
    return [
      ...own.refused,
      ...(ownTimes || byDefault ? checkTimeouts(values, own.values, defaultTimeoutMs(facts)) : []),
      ...(facts.idempotency === undefined ? refusedRepeats(own.values, MAY_RUN_ONCE) : []),
      // What is wrong in the service's option is told there, and once.
      ...checkValues(values).filter(({ key }) => own.paths.has(key) || !this.refusedKeys.has(key)),
    ];
  }

  private refuse(
    subject: string,
    refused: readonly Refusal[],
    pathOf: (key: string) => Path,
  ): void {
    for (const { key, message } of refused) {
      const place = this.places.of(pathOf(key));
      this.problems.push({ ...place, message: `${subject}: ${optionName(key)} ${message}` });
    }
  }
}

const MAY_RUN_ONCE =
  'is on a method that may not run twice; add `option idempotency_level = IDEMPOTENT` ' +
  '(or NO_SIDE_EFFECTS) if it may, or leave it out';

const FOR_NO_METHOD =
  'is for methods that may run twice, and none of the service has an idempotency_level; ' +
  'add one to those that may, or leave it out';

function optionOf(
  options: DescMethod['proto']['options'] | DescService['proto']['options'],
  extension: DescExtension | undefined,
  at: Path,
): OptionValues {
  if (options === undefined || extension?.message === undefined) return NO_OPTION;
  if (!hasExtension(options, extension)) return NO_OPTION;
  const message = getExtension(options, extension) as Parameters<typeof reflect>[1];
  return readOption(reflect(extension.message, message), [...at, extension.number]);
}

/** The path of a key, else of what it is in. */
function nearest(paths: ReadonlyMap<string, Path>, key: string): Path | undefined {
  for (let name = key; name !== ''; name = name.slice(0, Math.max(0, name.lastIndexOf('.')))) {
    const path = paths.get(name);
    if (path !== undefined) return path;
  }
  return undefined;
}

function factsOf({ name, parent, proto, methodKind }: DescMethod): MethodFacts {
  const requestStream = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
  const responseStream = methodKind === 'server_streaming' || methodKind === 'bidi_streaming';
  return {
    service: parent.typeName,
    name,
    key: name.charAt(0).toLowerCase() + name.slice(1),
    shape: shapeOf(requestStream, responseStream),
    idempotency: levelOf(proto.options?.idempotencyLevel),
  };
}

function pathOfLevel(method: DescMethod, at: Path): Path {
  return isIdempotent(method) ? [...at, METHOD_OPTIONS, IDEMPOTENCY_LEVEL] : [...at, NAME];
}

function isIdempotent({ proto }: DescMethod): boolean {
  return levelOf(proto.options?.idempotencyLevel) !== undefined;
}

function levelOf(level: MethodOptions_IdempotencyLevel | undefined): Idempotency {
  if (level === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS) return 'NO_SIDE_EFFECTS';
  return level === MethodOptions_IdempotencyLevel.IDEMPOTENT ? 'IDEMPOTENT' : undefined;
}
