import type { DescMessage, DescMethod, Message } from '@bufbuild/protobuf';

import type { CallOptions, Channel } from '../../index.ts';
import { createClient, errorDetails } from '../../index.ts';
import { CallWatch } from '../call-watch.ts';
import { connect, requestMetadata } from '../connect.ts';
import { definitionOf } from '../contract/definition.ts';
import type { JsonText } from '../contract/json-texts.ts';
import { JsonTexts, readJsonTexts } from '../contract/json-texts.ts';
import { MessageJson } from '../contract/message-json.ts';
import { openContract } from '../contract/open.ts';
import { findMethod } from '../contract/symbols.ts';
import { usageFailure } from '../failure.ts';
import type { ContractOptions, OutputOptions } from '../options.ts';
import { note, print, withProgress } from '../output.ts';
import type { DetailReader } from '../rpc-failure.ts';
import { explainFailure } from '../rpc-failure.ts';

export interface CallCommandOptions extends ContractOptions, OutputOptions {
  readonly data?: string;
  readonly verbose?: true;
  readonly emitDefaults?: true;
}

/** Calls a method and prints each message of its answer as soon as it is there. */
export async function call(text: string, options: CallCommandOptions): Promise<void> {
  const metadata = requestMetadata(options.header);
  const channel = await connect(options);
  let json: MessageJson | undefined;
  try {
    const contract = await openContract(options, channel);
    const asked = `asking ${contract.origin}`;
    const { method, registry } = await withProgress(asked, findMethod(contract, text));
    json = new MessageJson(contract, registry);
    const watch = new CallWatch(options.verbose === true);
    watch.sent(method, options.target ?? '', metadata);
    const told = {
      ...watch.callOptions,
      metadata,
      ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    };
    await new CommandCall(method, json, options).run(channel, watch, told);
    for (const name of json.unknown) {
      note(`inboard: ${name} in an Any is not in the contract: its fields are left out`);
    }
  } catch (error) {
    throw explainFailure(error, options.target, await detailReader(error, json));
  } finally {
    await channel[Symbol.asyncDispose]();
  }
}

type AnyMethod = (request: unknown, options: CallOptions) => unknown;

/** One call of the command: from JSON to a request, from the answer to JSON. */
class CommandCall {
  private readonly method: DescMethod;
  private readonly json: MessageJson;
  private readonly options: CallCommandOptions;
  /** Why the request could not be read; it outranks what that does to the call. */
  private inputFailure: unknown = undefined;

  constructor(method: DescMethod, json: MessageJson, options: CallCommandOptions) {
    this.method = method;
    this.json = json;
    this.options = options;
  }

  async run(channel: Channel, watch: CallWatch, told: CallOptions): Promise<void> {
    const { methodKind, localName, output } = this.method;
    const streamed = methodKind === 'client_streaming' || methodKind === 'bidi_streaming';
    const request = streamed ? this.requests() : await this.singleRequest();
    const { interceptors } = watch;
    const client = createClient(definitionOf(this.method), channel, { interceptors });
    const invoke = (client as unknown as Readonly<Record<string, AnyMethod>>)[localName];
    try {
      const answer = invoke?.(request, told);
      if (isStream(answer)) {
        for await (const message of answer) await this.printMessage(output, message);
      } else {
        await this.printMessage(output, (await answer) as Message);
      }
    } catch (error) {
      throw this.inputFailure ?? error;
    } finally {
      await client[Symbol.asyncDispose]();
    }
  }

  private async printMessage(desc: DescMessage, message: Message): Promise<void> {
    const style = { emitDefaults: this.options.emitDefaults === true };
    const value = await this.json.write(desc, message, style);
    await print(JSON.stringify(value, null, this.options.output === 'json' ? 0 : 2));
  }

  private async singleRequest(): Promise<Message> {
    const texts: JsonText[] = [];
    for await (const text of this.texts()) texts.push(text);
    if (texts.length > 1) {
      throw usageFailure(
        `${this.method.name} takes one message, and ${texts.length} were given`,
        'Only methods that take a stream take several.',
      );
    }
    return this.readMessage(texts[0] ?? { text: '{}', line: 1 }, 1);
  }

  private async *requests(): AsyncGenerator<Message> {
    try {
      let number = 0;
      for await (const text of this.texts()) yield await this.readMessage(text, ++number);
    } catch (error) {
      this.inputFailure = error;
      throw error;
    }
  }

  private readMessage(text: JsonText, number: number): Promise<Message> {
    const where = this.options.data === '@' ? `message ${number} on stdin` : '';
    return this.json.read(this.method.input, text, where);
  }

  private texts(): AsyncIterable<JsonText> | Iterable<JsonText> {
    const { data } = this.options;
    if (data === undefined) return [];
    if (data === '@') return readJsonTexts(process.stdin.setEncoding('utf8'));
    if (data.startsWith('@')) {
      const file = data.slice(1);
      throw usageFailure(`-d '${data}' is no JSON`, `A file is read from stdin: -d @ < ${file}`);
    }
    const texts = new JsonTexts();
    return [...texts.push(data), ...texts.end()];
  }
}

function isStream(answer: unknown): answer is AsyncIterable<Message> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}

/** Details of types that are not standard, looked up before they are shown. */
async function detailReader(error: unknown, json: MessageJson | undefined): Promise<DetailReader> {
  const known = new Map<string, unknown>();
  for (const detail of json === undefined ? [] : errorDetails(error)) {
    if (detail.type !== 'unknown') continue;
    const typeName = detail.typeUrl.slice(detail.typeUrl.lastIndexOf('/') + 1);
    try {
      known.set(detail.typeUrl, await json?.unpack(typeName, detail.value));
    } catch {
      // The failure itself matters more than a detail that cannot be looked up.
    }
  }
  return (typeUrl) => known.get(typeUrl);
}
