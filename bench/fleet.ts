import type { Pinning } from './cores.ts';
import type { RowName } from './peers/rows.ts';
import { Row } from './row.ts';
import { warmUpWorkload } from './workloads.ts';

/** The rows that are running. They stay up from round to round, so that each stays warm. */
export class Fleet {
  private started: Row[] = [];

  /** Starts a row and drives it until its code is compiled, before anything is counted. */
  async start(
    row: RowName,
    pinning: Pinning,
    profileDirectory: string | undefined,
    warmUpMs: number,
  ): Promise<Row> {
    const added = new Row({ row, pinning, profileDirectory });
    this.started.push(added);
    await added.start();
    await added.open(warmUpWorkload, warmUpMs);
    await added.close();
    return added;
  }

  async stop(): Promise<void> {
    await Promise.all(this.started.map((row) => row.stop()));
    this.started = [];
  }

  kill(): void {
    for (const row of this.started) row.kill();
  }
}
