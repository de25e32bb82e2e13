import { formatAddress } from '../../core/address.ts';
import type { Clock } from '../../core/clock.ts';
import { Status } from '../../core/status.ts';
import type { ResolverListener } from '../resolver.ts';
import type { ResolvedEndpoint } from '../target.ts';
import { isLocal } from '../target.ts';

/** How long a source must say that there is nothing before it is believed, in ms. */
export const EMPTY_AGREEMENT_MS = 30_000;

/**
 * What a source says passes through here on its way to the channel, which thereby keeps the last
 * good list: a failure takes nothing away, an empty answer only after 30 s without another, and an
 * address elsewhere never joins a channel that took to plaintext because all were on this machine.
 */
export class UpdateGate {
  private readonly clock: Clock;
  private readonly listener: ResolverListener;
  private readonly loopback: boolean;
  private filled = false;
  private emptySinceMs: number | undefined = undefined;

  /** `loopback`: only endpoints on this machine may pass. */
  constructor(clock: Clock, listener: ResolverListener, loopback: boolean) {
    this.clock = clock;
    this.listener = listener;
    this.loopback = loopback;
  }

  /** The source has endpoints. */
  list(endpoints: readonly ResolvedEndpoint[]): void {
    const stranger = this.loopback ? endpoints.find((endpoint) => !isLocal(endpoint)) : undefined;
    if (stranger !== undefined) {
      this.failed(
        `${formatAddress(stranger.address)} is refused: when the channel was made, its target ` +
          'named this machine alone, which implies plaintext. Make it anew',
      );
      return;
    }
    this.emptySinceMs = undefined;
    this.filled = true;
    this.listener.endpoints(endpoints);
  }

  /** The source says that there is nothing: once more, maybe. */
  none(details: string): void {
    const nowMs = this.clock.now();
    this.emptySinceMs ??= nowMs;
    const agreed = this.filled && nowMs - this.emptySinceMs >= EMPTY_AGREEMENT_MS;
    if (agreed) this.filled = false;
    this.listener[agreed ? 'empty' : 'error']({
      code: Status.UNAVAILABLE,
      details,
      processed: 'no',
    });
  }

  /** The source could not be asked, or what it said makes no sense. */
  failed(details: string): void {
    this.emptySinceMs = undefined;
    this.listener.error({ code: Status.UNAVAILABLE, details, processed: 'no' });
  }
}
