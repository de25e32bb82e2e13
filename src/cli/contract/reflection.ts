import type { FileRegistry } from '@bufbuild/protobuf';
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import type { FileDescriptorProto } from '@bufbuild/protobuf/wkt';
import * as wellKnown from '@bufbuild/protobuf/wkt';

import type { ServerReflectionResponse } from '../../../generated/grpc/reflection/v1/reflection.ts';
import { ServerReflectionDefinition } from '../../../generated/grpc/reflection/v1/reflection.ts';
import type { Channel, Client, Metadata } from '../../index.ts';
import { createClient, RpcError, Status } from '../../index.ts';
import { CliFailure } from '../failure.ts';
import type { Contract } from './contract.ts';

type Reflection = Client<typeof ServerReflectionDefinition>;
type Question = Extract<ServerReflectionResponse['originalRequest'], object>['messageRequest'];

/** The message holds statuses as numbers. */
const NOT_FOUND: number = Status.NOT_FOUND;

/** How long one question may take, in ms, where the user says nothing. */
const TIMEOUT_MS = 15_000;

export interface ReflectionCallOptions {
  readonly metadata: Metadata;
  readonly timeoutMs: number | undefined;
}

/** The contract that a server tells of itself: grpc.reflection.v1, or v1alpha of older ones. */
export class ReflectionContract implements Contract {
  readonly origin: string;
  private readonly options: ReflectionCallOptions;
  private readonly clients: readonly Reflection[];
  /** The version that the server speaks, once it has answered. */
  private spoken: Reflection | undefined = undefined;
  private readonly files = new Map<string, FileDescriptorProto>();

  constructor(channel: Channel, origin: string, options: ReflectionCallOptions) {
    this.origin = origin;
    this.options = options;
    const { fullName } = ServerReflectionDefinition;
    // The messages of both versions are the same.
    const names = [fullName, fullName.replace('.v1.', '.v1alpha.')];
    this.clients = names.map((name) =>
      createClient({ ...ServerReflectionDefinition, fullName: name as typeof fullName }, channel),
    );
  }

  async services(): Promise<readonly string[]> {
    const answer = await this.ask({ $case: 'listServices', value: '' });
    if (answer?.$case !== 'listServicesResponse') return [];
    return answer.value.service.map(({ name }) => name).toSorted();
  }

  async find(symbol: string): Promise<FileRegistry | undefined> {
    const found = await this.fetch({ $case: 'fileContainingSymbol', value: symbol });
    if (found.length === 0) return undefined;
    await this.fetchImports(found);
    return createFileRegistry(
      create(wellKnown.FileDescriptorSetSchema, { file: inOrder(found, this.files) }),
    );
  }

  /** The files of an answer; none where the server does not know what was asked for. */
  private async fetch(question: Question): Promise<readonly FileDescriptorProto[]> {
    const answer = await this.ask(question);
    if (answer?.$case !== 'fileDescriptorResponse') return [];
    const files = answer.value.fileDescriptorProto.map((bytes) =>
      fromBinary(wellKnown.FileDescriptorProtoSchema, bytes),
    );
    for (const file of files) this.files.set(file.name, file);
    return files;
  }

  /** Some servers send what a file imports along with it, others wait to be asked. */
  private async fetchImports(from: readonly FileDescriptorProto[]): Promise<void> {
    const seen = new Set<string>();
    const queue = from.flatMap(({ dependency }) => dependency);
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      let file = this.files.get(name);
      if (file === undefined) {
        await this.fetch({ $case: 'fileByFilename', value: name });
        file = this.files.get(name) ?? wellKnownFile(name);
        if (file === undefined) {
          throw new CliFailure(`The reflection of ${this.origin} lacks the file '${name}'`, {
            hint: 'Name the contract instead: --image FILE or --proto FOLDER.',
          });
        }
        this.files.set(name, file);
      }
      queue.push(...file.dependency);
    }
  }

  private async ask(
    question: Question,
  ): Promise<ServerReflectionResponse['messageResponse'] | undefined> {
    const candidates = this.spoken === undefined ? this.clients : [this.spoken];
    for (const client of candidates) {
      try {
        const answer = await askOnce(client, question, this.options);
        this.spoken = client;
        return answer;
      } catch (error) {
        if (!(error instanceof RpcError) || error.code !== Status.UNIMPLEMENTED) throw error;
      }
    }
    throw new CliFailure(`${this.origin} serves no reflection, so its contract is not known`, {
      exitCode: 64 + Status.UNIMPLEMENTED,
      hint: 'Name the contract: --image FILE (npx buf build -o FILE makes one) or --proto FOLDER.',
    });
  }
}

/** Undefined where the server does not know what was asked for. */
async function askOnce(
  client: Reflection,
  messageRequest: Question,
  { metadata, timeoutMs = TIMEOUT_MS }: ReflectionCallOptions,
): Promise<ServerReflectionResponse['messageResponse'] | undefined> {
  async function* one(): AsyncGenerator<{ readonly messageRequest: Question }> {
    yield { messageRequest };
  }
  const answers = client.serverReflectionInfo(one(), { metadata, timeoutMs });
  for await (const { messageResponse } of answers) {
    if (messageResponse?.$case !== 'errorResponse') return messageResponse;
    const { errorCode, errorMessage } = messageResponse.value;
    if (errorCode === NOT_FOUND) return undefined;
    const path = `/${ServerReflectionDefinition.fullName}/ServerReflectionInfo`;
    throw new RpcError(path, { code: errorCode, details: errorMessage });
  }
  return undefined;
}

/** Files after those that they import, as a registry wants them. */
function inOrder(
  files: readonly FileDescriptorProto[],
  known: ReadonlyMap<string, FileDescriptorProto>,
  begun: Set<string> = new Set(),
): FileDescriptorProto[] {
  return files.flatMap((file) => {
    if (begun.has(file.name)) return [];
    begun.add(file.name);
    const imports = file.dependency.flatMap((name) => known.get(name) ?? []);
    return [...inOrder(imports, known, begun), file];
  });
}

/** google/protobuf/*.proto, which some servers take for granted. */
function wellKnownFile(name: string): FileDescriptorProto | undefined {
  for (const each of Object.values(wellKnown)) {
    if (typeof each !== 'object' || !('kind' in each) || each.kind !== 'file') continue;
    if (each.proto.name === name) return each.proto;
  }
  return undefined;
}
