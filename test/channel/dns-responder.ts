import type { RemoteInfo } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Codes of RFC 1035 and what c-ares makes of them. */
const RCODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

/** An answer: IPv4 addresses, a code, or none at all. */
export type Reply = readonly string[] | keyof typeof RCODES | 'nothing';

/** A question as it arrived. */
export interface Asked {
  readonly name: string;
  readonly type: string;
}

/** A DNS server in the test's hand, for what no real one does when asked to. */
export interface DnsResponder extends AsyncDisposable {
  readonly address: string;
  /** All questions so far, as `A orders.test`. */
  readonly asked: readonly string[];
  /** How questions are answered from now on; may take its time. */
  reply: (asked: Asked) => Reply | Promise<Reply>;
}

/** Speaks just enough DNS over UDP (RFC 1035, section 4). */
export async function startResponder(reply: DnsResponder['reply']): Promise<DnsResponder> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const asked: string[] = [];
  const responder: DnsResponder = {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    reply,
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
  const answer = async (request: Buffer, from: RemoteInfo): Promise<void> => {
    const question = read(request);
    asked.push(`${question.type} ${question.name}`);
    const given = await responder.reply(question);
    if (given !== 'nothing') socket.send(response(request, question, given), from.port);
  };
  socket.on('message', (request, from) => void answer(request, from));
  return responder;
}

interface Question extends Asked {
  /** Where the question ends in the message. */
  readonly end: number;
}

function read(message: Buffer): Question {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = message.readUInt16BE(at + 1);
  return { name: labels.join('.'), type: TYPES[type] ?? String(type), end: at + 5 };
}

function response(request: Buffer, question: Question, given: Exclude<Reply, 'nothing'>): Buffer {
  const addresses = typeof given === 'string' || question.type !== 'A' ? [] : given;
  const header = Buffer.alloc(12);
  request.copy(header, 0, 0, 2);
  // A response, recursion desired and available.
  header.writeUInt16BE(0x8180 + (typeof given === 'string' ? RCODES[given] : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(addresses.length, 6);
  const records = addresses.map((address) =>
    // The name as a pointer to the question, type A, class IN, 60 s, 4 bytes.
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([header, request.subarray(12, question.end), ...records]);
}
