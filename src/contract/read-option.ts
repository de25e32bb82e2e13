import type { DescField } from '@bufbuild/protobuf';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';
import type { Duration } from '@bufbuild/protobuf/wkt';

/** What one option says, before it is checked as a policy. */
export interface OptionValues {
  /** By the names of a MethodPolicy; `false` for what is turned off. */
  readonly values: Values;
  /** The path in the descriptor of each value and each object, by dotted key. */
  readonly paths: ReadonlyMap<string, readonly number[]>;
  /** What cannot be read as a value at all. */
  readonly refused: readonly Refusal[];
}

export type Values = Readonly<Record<string, unknown>>;

/** Something wrong with a value of an option. */
export interface Refusal {
  /** Dotted, by the names of a MethodPolicy. */
  readonly key: string;
  /** `is …; give …`, to stand behind the name. */
  readonly message: string;
}

/** Nanoseconds that a Duration may have. */
const MAX_NANOS = 999_999_999;

/**
 * Reads an option's message by its own descriptor. The names of policy.proto are those of a
 * MethodPolicy, but for times, which are `…Ms` there.
 * `at`: the path of the option in its file's descriptor.
 */
export function readOption(message: ReflectMessage, at: readonly number[]): OptionValues {
  const paths = new Map<string, readonly number[]>();
  const refused: Refusal[] = [];
  const values = read(message, '', at, { paths, refused });
  return { values: values === false ? {} : values, paths, refused };
}

interface Notes {
  readonly paths: Map<string, readonly number[]>;
  readonly refused: Refusal[];
}

function read(
  message: ReflectMessage,
  inside: string,
  at: readonly number[],
  notes: Notes,
): Values | false {
  const given = message.fields.filter((field) => message.isSet(field));
  if (given.some(({ name }) => name === 'off')) {
    if (given.length > 1) {
      const others = given.map(({ name }) => name).filter((name) => name !== 'off');
      const message_ = `is off and has ${others.join(', ')} as well; leave one of both out`;
      notes.refused.push({ key: inside, message: message_ });
    }
    return false;
  }
  const values: Record<string, unknown> = {};
  for (const field of given) {
    const name = nameOf(field);
    const key = inside === '' ? name : `${inside}.${name}`;
    notes.paths.set(key, [...at, field.number]);
    const value = valueOf(message, field, key, [...at, field.number], notes);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function valueOf(
  message: ReflectMessage,
  field: DescField,
  key: string,
  at: readonly number[],
  notes: Notes,
): unknown {
  if (isDuration(field)) {
    const { message: duration } = message.get(field) as ReflectMessage;
    return milliseconds(duration as Duration, key, notes);
  }
  if (field.fieldKind === 'message') {
    return read(message.get(field), key, at, notes);
  }
  if (field.name === 'p95') {
    if (message.get(field) === true) return 'p95';
    notes.refused.push({ key, message: 'has p95 as false; leave it out, or give a delay' });
    return undefined;
  }
  if (field.fieldKind === 'enum') return enumName(message, field);
  if (field.fieldKind === 'list') return [...(message.get(field) as Iterable<unknown>)];
  return message.get(field);
}

/** `CRITICALITY_SHEDDABLE` is `sheddable`: the name without that of its enum. */
function enumName(message: ReflectMessage, field: DescField & { fieldKind: 'enum' }): string {
  const { values, sharedPrefix = '' } = field.enum;
  const number = message.get(field);
  const value = values.find((one) => one.number === number);
  return (value?.name ?? String(number)).toLowerCase().replace(sharedPrefix, '');
}

function milliseconds(duration: Duration, key: string, notes: Notes): number | undefined {
  const { seconds, nanos } = duration;
  const refuse = (message: string): undefined => {
    notes.refused.push({ key, message });
  };
  const ms = Number(seconds) * 1_000 + nanos / 1_000_000;
  if (Math.abs(nanos) > MAX_NANOS) {
    return refuse(`has nanos of ${nanos}; give at most ${MAX_NANOS}, and the rest as seconds`);
  }
  if (!(ms > 0)) return refuse(`is ${shownMs(ms)}; give a time above 0`);
  return ms;
}

/** Times end in `Ms`; both ways to say when to hedge are one value. */
function nameOf(field: DescField): string {
  if (field.name === 'p95') return 'delayMs';
  return isDuration(field) ? `${field.jsonName}Ms` : field.jsonName;
}

function isDuration(field: DescField): boolean {
  return (
    field.fieldKind === 'message' &&
    field.message.typeName === ('google.protobuf.Duration' as const)
  );
}

/** A key as the contract writes it: `retry.backoff.maxMs` is `retry.backoff.max` there. */
export function optionName(key: string): string {
  return key.replaceAll(/Ms\b/g, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A time in words: `300 ms`, `1.5 s`. */
export function shownMs(ms: number): string {
  return Math.abs(ms) >= 1_000 || ms === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}
