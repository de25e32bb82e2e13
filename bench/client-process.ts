import { answerParent } from './answering.ts';
import { runSlice } from './load.ts';
import type { PeerClient } from './peers/peer.ts';
import { isRowName, loadPeer } from './peers/rows.ts';
import type { ClientApi } from './protocol.ts';
import { type Workload, workloadNamed } from './workloads.ts';

/* The load generator of one row: `client-process.ts <row>`, started by row.ts. */

const row = process.argv[2] ?? '';
if (!isRowName(row)) throw new Error(`no row '${row}'`);
const peer = await loadPeer(row);

let workload: Workload | undefined;
let clients: readonly PeerClient[] = [];

const api: ClientApi = {
  async open({ port, workload: name }) {
    workload = workloadNamed(name);
    const count = workload?.connections ?? 0;
    clients = await Promise.all(Array.from({ length: count }, () => peer.connect(port)));
    return null;
  },

  async run(durationMs) {
    if (workload === undefined) throw new Error('no load was opened');
    return runSlice(clients, workload, durationMs);
  },

  async close() {
    await Promise.all(clients.map((client) => client.close()));
    clients = [];
    return null;
  },
};
answerParent(api);
