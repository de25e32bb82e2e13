/**
 * Milliseconds of the machine's monotonic clock: the same in every process, so that what one of
 * them saw can be set against what another one did. Wall-clock jumps do not move it.
 */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
