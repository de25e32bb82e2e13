import type { ShapesImplementation } from './harness.ts';

/** Echoes: every response carries the sample of its request. */
export const shapes: ShapesImplementation = {
  async unary({ sample }) {
    return { sample };
  },
  async unarySafe({ sample }) {
    return { sample };
  },
  async clientStream(requests) {
    let count = 0;
    let last: { readonly text: string } | undefined;
    for await (const { sample } of requests) {
      count++;
      last = sample;
    }
    return { count, last };
  },
  async *serverStream({ sample, count }) {
    for (let index = 0; index < count; index++) yield { index, sample };
  },
  async *bidi(requests) {
    let index = 0;
    for await (const { sample } of requests) yield { index: index++, sample };
  },
};

/** Requests with the texts given, one after the other. */
export async function* samples(...texts: string[]): AsyncGenerator<{ sample: { text: string } }> {
  for (const text of texts) yield { sample: { text } };
}
