import type { Scenario } from './harness/scenario.ts';
import { deadlineChain } from './scenarios/deadline-chain.ts';
import { dnsFaults } from './scenarios/dns-faults.ts';
import { flapping } from './scenarios/flapping.ts';
import { policyReload } from './scenarios/policy-reload.ts';
import { scaleDns, scaleFile } from './scenarios/scale.ts';
import { tenants } from './scenarios/tenants.ts';
import { drain } from './scenarios/drain.ts';
import { outage } from './scenarios/outage.ts';
import { reconnect } from './scenarios/reconnect.ts';
import { sigkill } from './scenarios/sigkill.ts';
import { sigstop } from './scenarios/sigstop.ts';
import { silent } from './scenarios/silent.ts';
import { slow, slowHedged } from './scenarios/slow.ts';
import { unavailableEjected, unavailableRetried } from './scenarios/unavailable.ts';
import { wallClock } from './scenarios/wall-clock.ts';

/** Every trouble of the table of bars, in the order they are run. */
export const scenarios: readonly Scenario[] = [
  slow,
  slowHedged,
  deadlineChain,
  drain,
  sigkill,
  outage,
  flapping,
  scaleFile,
  scaleDns,
  dnsFaults,
  silent,
  reconnect,
  policyReload,
  sigstop,
  wallClock,
  tenants,
  unavailableRetried,
  unavailableEjected,
];
