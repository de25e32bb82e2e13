/**
 * A server that ends on signals, as a process of its own: prints its address and what becomes of
 * its calls. Options as JSON in the first argument.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import { ShapesServiceDefinition } from '../../generated/inboard/testing/v1/shapes.ts';
import type { ServerOptions } from '../../src/index.ts';
import { createServer } from '../../src/index.ts';
import { shapes } from '../support/shapes-service.ts';

interface Options {
  readonly servers: number;
  readonly options: ServerOptions;
}

const { servers, options } = JSON.parse(process.argv[2] ?? '') as Options;

for (let i = 0; i < servers; i++) {
  const server = createServer(options).add(ShapesServiceDefinition, {
    ...shapes,
    async unary({ sample }) {
      console.log('unary begun');
      // Longer than any test: only a forced end comes before it.
      await wait(60_000);
      return { sample };
    },
    async *serverStream(_request, { draining }) {
      yield { index: 0 };
      console.log('stream begun');
      await once(draining, 'abort');
      // Something is left to do once the server drains.
      await wait(300 * (i + 1));
      yield { index: 1 };
      console.log('stream finished');
    },
  });
  const { address } = await server.listen('127.0.0.1:0');
  console.log(`listening ${address}`);
}
// What a program keeps open beside its server does not keep it alive after a signal.
setInterval(() => undefined, 1_000);
