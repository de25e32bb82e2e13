import { connect, requestMetadata } from '../connect.ts';
import { usageFailure } from '../failure.ts';
import type { Channel } from '../../index.ts';
import type { ContractOptions } from '../options.ts';
import { withProgress } from '../output.ts';
import type { Contract } from './contract.ts';
import { folderContract, imageContract } from './image.ts';
import { ReflectionContract } from './reflection.ts';

/** The contract that the options name: a file's, a folder's, or what the server tells. */
export async function openContract(
  options: ContractOptions,
  channel: Channel | undefined,
): Promise<Contract> {
  const { image, proto, target = '' } = options;
  if (image !== undefined && proto !== undefined) {
    throw usageFailure('--image and --proto are two contracts', 'Leave one of them.');
  }
  if (image !== undefined) return imageContract(image);
  if (proto !== undefined) return withProgress(`buf builds ${proto}`, folderContract(proto));
  if (channel === undefined) {
    throw usageFailure(
      'No contract is named',
      'Add --target localhost:50051 to ask a server, or --image FILE, or --proto FOLDER.',
    );
  }
  const metadata = requestMetadata(options.header);
  return new ReflectionContract(channel, target, { metadata, timeoutMs: options.timeout });
}

/** For commands that need a server only where neither file nor folder is named. */
export async function withContract<T>(
  options: ContractOptions,
  use: (contract: Contract) => Promise<T>,
): Promise<T> {
  const asks = options.image === undefined && options.proto === undefined;
  const channel = asks && hasTarget(options) ? await connect(options) : undefined;
  try {
    const contract = await openContract(options, channel);
    return await withProgress(`asking ${contract.origin}`, use(contract));
  } finally {
    await channel?.[Symbol.asyncDispose]();
  }
}

function hasTarget({ target = '' }: ContractOptions): boolean {
  return target !== '';
}
