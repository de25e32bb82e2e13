import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  BidiRequest,
  ServerStreamRequest,
  UnaryRequest,
} from '../../generated/inboard/testing/v1/shapes.ts';
import type { PeerServer } from '../../bench/peers/peer.ts';
import { loadPeer, rowNames } from '../../bench/peers/rows.ts';

const sample = { text: 'order', payload: Buffer.from('payload') };

/** The rows can be compared only if all of them do the same work on the same wire. */
describe.each(rowNames)('the server of %s', (serverRow) => {
  let server: PeerServer;

  beforeAll(async () => {
    server = await (await loadPeer(serverRow)).startServer();
  });
  afterAll(() => server.close());

  it.each(rowNames)('serves the client of %s', async (clientRow) => {
    const client = await (await loadPeer(clientRow)).connect(server.port);
    const response = await client.unary(UnaryRequest.fromPartial({ sample }));
    expect(response.sample).toMatchObject(sample);

    const streamed: number[] = [];
    await client.serverStream(
      ServerStreamRequest.fromPartial({ sample, count: 100 }),
      (message) => {
        expect(message.sample).toMatchObject(sample);
        streamed.push(message.index);
      },
    );
    expect(streamed).toEqual(Array.from({ length: 100 }, (_, index) => index));

    const turn = BidiRequest.fromPartial({ sample });
    const echoed: number[] = [];
    await client.bidi(turn, (message) => {
      expect(message.sample).toMatchObject(sample);
      echoed.push(message.index);
      return echoed.length < 10 ? turn : undefined;
    });
    expect(echoed).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await client.close();
  });
});
