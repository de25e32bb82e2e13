// A user's first program: one typed call over a real socket.
import { createClient, createServer } from 'inboard';
import {
  ShapesServiceDefinition,
  type ShapesServiceImplementation,
} from './generated/inboard/testing/v1/shapes.ts';

const implementation: ShapesServiceImplementation = {
  async unary(request) {
    return { sample: { text: `hello ${request.sample?.text}` } };
  },
  async unarySafe() {
    return {};
  },
  async clientStream(requests) {
    let count = 0;
    for await (const _ of requests) count += 1;
    return { count };
  },
  async *serverStream(request) {
    for (let index = 0; index < request.count; index += 1) yield { index };
  },
  async *bidi(requests) {
    let index = 0;
    for await (const { sample } of requests) yield { index: index++, sample };
  },
};

const server = createServer();
server.add(ShapesServiceDefinition, implementation);
const { port } = await server.listen('127.0.0.1:0');
const client = createClient(ShapesServiceDefinition, `static:///127.0.0.1:${port}`);

const response = await client.unary({ sample: { text: 'inboard', big: 2n ** 53n + 1n } });
if (response.sample?.text !== 'hello inboard') throw new Error('unary: the wrong answer');

const indexes: number[] = [];
for await (const { index } of client.serverStream({ count: 3 })) indexes.push(index);
if (indexes.join() !== '0,1,2') throw new Error(`serverStream: the wrong answer ${indexes.join()}`);

await client[Symbol.asyncDispose]();
await server.shutdown({ propagationMs: 0 });
console.log('ok');
