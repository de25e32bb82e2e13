import { subscribe } from 'node:diagnostics_channel';

import { answerParent, readGauges } from './answering.ts';
import { type RunningServer, startInboardServer } from './inboard-server.ts';
import { LabState } from './lab-state.ts';
import type { ServerApi } from './protocol.ts';
import { startStockServer } from './stock-server.ts';

/* A server of the lab. It serves what it is told, one server at a time, until it is ended. */

let state: LabState | undefined;
let server: RunningServer | undefined;

subscribe('net.server.socket', () => state?.connectionAccepted());

const api: ServerApi = {
  async start(spec) {
    state = new LabState(spec);
    server = await (spec.kind === 'inboard' ? startInboardServer(state) : startStockServer(state));
    return null;
  },

  async behave(behaviour) {
    if (state === undefined) throw new Error('no server was started');
    state.behaviour = behaviour;
    return null;
  },

  async counts() {
    if (state === undefined) throw new Error('no server was started');
    return state.counts();
  },

  async stop() {
    await server?.close();
    server = undefined;
    state = undefined;
    return readGauges();
  },
};

process.on('SIGTERM', () => {
  void server?.drain?.().finally(() => process.exit(0));
});

answerParent(api);
