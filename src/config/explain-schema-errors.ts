import type { SchemaError } from '../../generated/policy/validators.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Finding, Path } from './findings.ts';
import { shown } from './findings.ts';

type Schema = SchemaError['parentSchema'];

/**
 * What a schema found wrong, in words; one finding a place.
 * `otherKeys`: keys that are known at the top although the schema does not know them.
 */
export function explainSchemaErrors(
  errors: readonly SchemaError[],
  otherKeys: readonly string[],
): Finding[] {
  // Where alternatives failed, each one's own errors only repeat that.
  const alternatives = new Set(
    errors.filter(({ keyword }) => keyword === 'anyOf').map(({ instancePath }) => instancePath),
  );
  const byPlace = new Map<string, Finding>();
  for (const error of errors) {
    if (error.keyword === 'propertyNames') continue;
    if (error.keyword !== 'anyOf' && alternatives.has(error.instancePath)) continue;
    const finding = explain(error, otherKeys);
    const place = JSON.stringify([finding.path, error.keyword === 'required', finding.onKey]);
    if (!byPlace.has(place)) byPlace.set(place, finding);
  }
  return [...byPlace.values()];
}

function explain(error: SchemaError, otherKeys: readonly string[]): Finding {
  const { keyword, params, parentSchema, data, propertyName } = error;
  const path = parsePointer(error.instancePath);
  if (keyword === 'additionalProperties') {
    const key = String(params['additionalProperty']);
    return { path: [...path, key], onKey: true, message: unknownKey(path, key, error, otherKeys) };
  }
  if (keyword === 'required') {
    const message = `lacks ${String(params['missingProperty'])}; add it`;
    return { path, message, onKey: true };
  }
  if (propertyName !== undefined) {
    const message = "names no method; write it as 'package.Service' or 'package.Service/Method'";
    return { path: [...path, propertyName], onKey: true, message };
  }
  return { path, message: `is ${shown(data)}; ${advice(parentSchema, data)}` };
}

function unknownKey(
  path: Path,
  key: string,
  { parentSchema }: SchemaError,
  otherKeys: readonly string[],
): string {
  const own = Object.keys(parentSchema['properties'] ?? {});
  const known = path.length === 0 ? [...own, ...otherKeys] : own;
  const meant = didYouMean(key, known);
  const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean '${meant}'?`;
  return `is no known key; ${hint}`;
}

function advice(schema: Schema, data: unknown): string {
  const { enum: values } = schema as { enum?: readonly string[] };
  const meant = typeof data === 'string' && values !== undefined && didYouMean(data, values);
  return typeof meant === 'string' ? `did you mean '${meant}'?` : `give ${expected(schema)}`;
}

function expected(schema: Schema): string {
  if ('const' in schema) return `'${String(schema['const'])}'`;
  if ('enum' in schema) return `one of ${(schema['enum'] as readonly string[]).join(', ')}`;
  if ('anyOf' in schema) return (schema['anyOf'] as readonly Schema[]).map(expected).join(' or ');
  switch (schema['type']) {
    case 'number':
      return `a number ${range(schema)}`;
    case 'integer':
      return `a whole number ${range(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object';
    case 'string':
      return 'pattern' in schema ? described(schema) : 'a string';
    default:
      return 'an object, or false to turn it off';
  }
}

/** What the schema says a text stands for, as part of a sentence. */
function described({ description }: Schema): string {
  return String(description)
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase())
    .replace(/\.$/, '');
}

function range(schema: Schema): string {
  const { minimum, exclusiveMinimum, maximum } = schema as Readonly<Record<string, number>>;
  if (maximum === undefined) return `above ${exclusiveMinimum}`;
  if (minimum !== undefined) return `from ${minimum} to ${maximum}`;
  return `above ${exclusiveMinimum} and up to ${maximum}`;
}

/** The parts of a JSON pointer (RFC 6901). No object of a policy has a number for a key. */
function parsePointer(pointer: string): Path {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => {
    if (/^\d+$/.test(part)) return Number(part);
    return part.replaceAll('~1', '/').replaceAll('~0', '~');
  });
}
