import type {
  Sample,
  ShapesServiceImplementation,
} from '../../generated/inboard/testing/v1/shapes.ts';

/** The service as promises and generators, for the libraries that take nice-grpc's signatures. */
export const shapesService: ShapesServiceImplementation = {
  async unary(request) {
    return { sample: request.sample };
  },

  async unarySafe(request) {
    return { sample: request.sample };
  },

  async clientStream(requests) {
    let count = 0;
    let last: Sample | undefined;
    for await (const request of requests) {
      count++;
      last = request.sample;
    }
    return { count, last };
  },

  async *serverStream(request) {
    const { count, sample } = request;
    for (let index = 0; index < count; index++) yield { index, sample };
  },

  async *bidi(requests) {
    let index = 0;
    for await (const { sample } of requests) yield { index: index++, sample };
  },
};
