import type { Attributes } from '@opentelemetry/api';

import { parseTarget } from '../../channel/target.ts';
import { Status } from '../../core/status.ts';

/** What A66 calls a method or a target that is not to be told by name. */
export const OTHER = 'other';

/** The attributes of one method's measurements, each set made once. */
export class Labels {
  /** Of what is measured before a status is known. */
  readonly started: Attributes;
  private readonly ended: Attributes[] = [];

  /** `path`: as on the wire. `target`: of clients. */
  constructor(method: string, target?: string) {
    this.started = {
      'grpc.method': method,
      ...(target !== undefined && { 'grpc.target': target }),
    };
  }

  /** Of what is measured at the end. */
  of(code: Status): Attributes {
    // A handler may end a call with any number, and a label for each would be without bound.
    const known = code in Status ? code : Status.UNKNOWN;
    this.ended[known] ??= { ...this.started, 'grpc.status': Status[known] };
    return this.ended[known];
  }
}

/** `package.Service/Method`: the path without its first slash. */
export function methodLabel(path: string): string {
  return path.startsWith('/') ? path.slice(1) : path;
}

/** A target with its scheme, where it was given without one (A66). */
export function canonicalTarget(uri: string): string {
  const { scheme, path } = parseTarget(uri);
  return scheme === 'dns' && path === uri ? `dns:///${path}` : uri;
}
