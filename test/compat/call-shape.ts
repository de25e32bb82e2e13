import type { CallOptions } from 'nice-grpc-common';

import type { ShapesServiceClient } from '../../generated/inboard/testing/v1/shapes.ts';
import { samples } from '../support/shapes-service.ts';

export const SHAPES = ['unary', 'clientStream', 'serverStream', 'bidi'] as const;
export type Shape = (typeof SHAPES)[number];

export function isStreamed(shape: Shape): boolean {
  return shape === 'serverStream' || shape === 'bidi';
}

/** The path of a shape's method. */
export function pathOf(shape: Shape): string {
  return `/inboard.testing.v1.ShapesService/${shape.charAt(0).toUpperCase()}${shape.slice(1)}`;
}

/**
 * Calls one shape with the texts given and gives back the texts that came; `into` has those that
 * came before a failure, too.
 */
export async function callShape(
  client: ShapesServiceClient,
  shape: Shape,
  options: CallOptions = {},
  texts: readonly string[] = ['a', 'b'],
  into: string[] = [],
): Promise<string[]> {
  const sample = { text: texts[0] ?? '' };
  switch (shape) {
    case 'unary':
      into.push((await client.unary({ sample }, options)).sample?.text ?? '');
      return into;
    case 'clientStream':
      into.push((await client.clientStream(samples(...texts), options)).last?.text ?? '');
      return into;
    case 'serverStream': {
      const count = texts.length;
      return textsOf(client.serverStream({ sample, count }, options), into);
    }
    default:
      return textsOf(client.bidi(samples(...texts), options), into);
  }
}

async function textsOf(
  stream: AsyncIterable<{ readonly sample: { readonly text: string } | undefined }>,
  into: string[],
): Promise<string[]> {
  for await (const { sample } of stream) into.push(sample?.text ?? '');
  return into;
}
