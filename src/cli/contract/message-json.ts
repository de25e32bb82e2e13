import type { DescMessage, JsonValue, Message, Registry } from '@bufbuild/protobuf';
import {
  create,
  createFileRegistry,
  createMutableRegistry,
  fromBinary,
  fromJsonString,
  toJson,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

import { didYouMean } from '../../config/did-you-mean.ts';
import { usageFailure } from '../failure.ts';
import type { Contract } from './contract.ts';
import type { JsonText } from './json-texts.ts';

export interface JsonStyle {
  readonly emitDefaults: boolean;
}

/**
 * Messages to JSON and back. A `google.protobuf.Any` may hold a type that no file of the method
 * imports: it is looked up in the contract when it is met.
 */
export class MessageJson {
  private readonly contract: Contract;
  private readonly known: ReturnType<typeof createMutableRegistry>;
  /** Types that not even the contract knows. */
  readonly unknown: Set<string> = new Set();

  constructor(contract: Contract, registry: Registry) {
    this.contract = contract;
    this.known = createMutableRegistry(registry);
  }

  write(desc: DescMessage, message: Message, { emitDefaults }: JsonStyle): Promise<JsonValue> {
    return this.withTypes((registry) =>
      toJson(desc, message, { registry, alwaysEmitImplicit: emitDefaults }),
    );
  }

  /** Throws a usage failure that names the field, and the line on stdin where there is one. */
  async read(desc: DescMessage, { text, line }: JsonText, where: string): Promise<Message> {
    try {
      JSON.parse(text);
    } catch (error) {
      const place = where === '' ? '' : ` (${where}, which begins at line ${line})`;
      throw usageFailure(`The request is no JSON${place}: ${wordsOf(error)}`);
    }
    try {
      return await this.withTypes((registry) => fromJsonString(desc, text, { registry }));
    } catch (error) {
      const place = where === '' ? '' : ` (${where}, line ${line})`;
      const reason = `The request does not fit ${desc.typeName}${place}: ${wordsOf(error)}`;
      throw usageFailure(reason, this.hintFor(wordsOf(error)));
    }
  }

  /** The JSON of packed bytes; undefined where their type is not known. */
  async unpack(typeName: string, bytes: Uint8Array): Promise<JsonValue | undefined> {
    const desc = await this.load(typeName);
    if (desc === undefined) return undefined;
    return this.write(desc, fromBinary(desc, bytes), { emitDefaults: false });
  }

  /** Runs something that may meet types by name, as often as it meets new ones. */
  private async withTypes<T>(run: (registry: Registry) => T): Promise<T> {
    for (;;) {
      const missing = new Set<string>();
      const { known } = this;
      const registry: Registry = Object.assign(Object.create(known) as Registry, {
        getMessage(typeName: string): DescMessage | undefined {
          const found = known.getMessage(typeName);
          if (found === undefined) missing.add(typeName);
          return found;
        },
      });
      try {
        return run(registry);
      } catch (error) {
        if (missing.size === 0) throw error;
      }
      for (const name of missing) await this.loadOrStandIn(name);
    }
  }

  private async load(typeName: string): Promise<DescMessage | undefined> {
    const found = await this.contract.find(typeName);
    for (const type of found ?? []) this.known.add(type);
    return found?.getMessage(typeName);
  }

  /** A type that nobody knows is shown by its name alone. */
  private async loadOrStandIn(typeName: string): Promise<void> {
    if ((await this.load(typeName)) !== undefined) return;
    this.unknown.add(typeName);
    this.known.add(emptyMessage(typeName));
  }

  /** What was meant by a field's name that the message does not have. */
  private hintFor(words: string): string | undefined {
    const [, typeName = '', key = ''] =
      /decode message (\S+) from JSON: key "(.*)" is unknown/.exec(words) ?? [];
    if (this.unknown.has(typeName)) return `${this.contract.origin} does not know ${typeName}.`;
    const fields = this.known.getMessage(typeName)?.fields.map(({ jsonName }) => jsonName);
    if (fields === undefined) return undefined;
    const meant = didYouMean(key, fields);
    const has = fields.length === 0 ? 'no fields' : fields.join(', ');
    return meant === undefined ? `${typeName} has ${has}.` : `Did you mean "${meant}"?`;
  }
}

function emptyMessage(typeName: string): DescMessage {
  const dot = typeName.lastIndexOf('.');
  const file = create(FileDescriptorProtoSchema, {
    name: `${typeName}.proto`,
    package: typeName.slice(0, Math.max(dot, 0)),
    syntax: 'proto3',
    messageType: [{ name: typeName.slice(dot + 1) }],
  });
  const desc = createFileRegistry(file, () => undefined).getMessage(typeName);
  if (desc === undefined) throw new Error(`'${typeName}' is no name of a message`);
  return desc;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
