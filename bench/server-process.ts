import { answerParent } from './answering.ts';
import { isRowName, loadPeer } from './peers/rows.ts';
import { cpuTime, type ServerApi } from './protocol.ts';

/* The server of one row: `server-process.ts <row>`, started by row.ts with an IPC channel. */

const row = process.argv[2] ?? '';
if (!isRowName(row)) throw new Error(`no row '${row}'`);
const peer = await loadPeer(row);

const api: ServerApi = {
  start: async () => (await peer.startServer()).port,
  usage: async () => cpuTime(),
};
answerParent(api);
