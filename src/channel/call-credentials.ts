import type { Metadata } from 'nice-grpc-common';

import type { ClientCall } from '../core/client-call.ts';
import type { CallCredentials } from '../core/credentials.ts';
import { describe, RpcError } from '../core/errors.ts';
import { Status } from '../core/status.ts';
import type { Endpoint } from './endpoint.ts';

/** The metadata that call credentials give a call, which never travels in plaintext. */
export async function credentialsFor(
  call: ClientCall,
  endpoint: Endpoint,
  credentials: CallCredentials,
): Promise<Metadata> {
  const { path } = call.method;
  const { authority } = endpoint.resolved;
  if (!endpoint.secure) {
    const details =
      `Call credentials are not sent in plaintext to ${authority}: give the channel tls(), ` +
      'or leave the credentials away';
    throw new RpcError(path, { code: Status.UNAUTHENTICATED, details, processed: 'no' });
  }
  const context = { path, authority, signal: call.signal };
  try {
    const metadata = await whileWanted(call, credentials.metadata(context));
    if (metadata.has('authorization') && call.hasHeaders && call.headers.has('authorization')) {
      throw new Error("the call carries its own 'authorization' already");
    }
    return metadata;
  } catch (error) {
    const details = `The call credentials failed: ${describe(error)}`;
    const status = { code: Status.UNAUTHENTICATED, details, cause: error };
    throw new RpcError(path, { processed: 'no', ...(call.cancelled ?? status) });
  }
}

/** Nobody waits for credentials longer than the call may take. */
function whileWanted<T>(call: ClientCall, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const unsubscribe = call.onCancel((status) => reject(new Error(status.details)));
    promise.then(resolve, reject).finally(unsubscribe);
  });
}
