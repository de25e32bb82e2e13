import type { AdminOptions } from '../../core/admin.ts';
import type { Clock } from '../../core/clock.ts';
import type { Runtime } from '../../core/runtime.ts';
import type { Server } from '../../server/server.ts';
import { buildPolicies, buildState } from '../console/build-state.ts';
import { consolePage } from '../console/page.ts';
import { buildReport } from '../deprecations/build-report.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Guard } from './guard.ts';
import type { Exchange } from './http-server.ts';
import { indexPage } from './index-page.ts';
import type { TryIt } from './invoke/try-it.ts';
import { LiveEvents } from './live-events.ts';
import { LoopLag } from './loop-lag.ts';
import { ProcessMetrics, withProcess } from './process-metrics.ts';
import { readiness } from './readiness.ts';
import type { Reply } from './reply.ts';
import { json, securityHeaders, text, toJson } from './reply.ts';
import type { ComputeBudget } from './shared-result.ts';
import { SharedResult } from './shared-result.ts';
import { processSnapshot } from './snapshot.ts';

/** What an admin looks into. */
export interface AdminParts {
  readonly runtime: Runtime;
  /** Undefined where the runtime keeps none: `/metrics` has those of the process alone. */
  readonly metrics: Metrics | undefined;
  /** The server that it is of: `/readyz` says no while that does not listen. */
  readonly server?: Server | undefined;
}

/** What an orchestrator asks. */
export const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** What a listener has made its routes of. */
export interface RouteTools {
  readonly clock: Clock;
  readonly guard: Guard;
  readonly tried: TryIt;
  readonly budget: ComputeBudget;
  readonly failed: (error: unknown, path: string) => void;
  /** Only this machine can get in. */
  readonly local: boolean;
}

type Answer = (exchange: Exchange) => Reply | undefined | Promise<Reply | undefined>;

interface Route {
  readonly method: 'GET' | 'POST';
  readonly answer: Answer;
}

const DEFAULTS: Required<Pick<AdminOptions, 'console' | 'invoke' | 'processMetrics'>> = {
  console: true,
  invoke: false,
  processMetrics: true,
};

/** What a listener answers, by path. */
export class Routes {
  private readonly parts: AdminParts;
  private readonly guard: Guard;
  private readonly invoke: boolean;
  private readonly name: string | undefined;
  private readonly tried: TryIt;
  private readonly lag: LoopLag = new LoopLag();
  private readonly events: LiveEvents;
  private readonly process: ProcessMetrics | undefined;
  private readonly routes: ReadonlyMap<string, Route>;

  constructor(parts: AdminParts, options: AdminOptions, own: RouteTools) {
    const settings = { ...DEFAULTS, ...options };
    this.parts = parts;
    this.guard = own.guard;
    this.tried = own.tried;
    this.invoke = settings.invoke;
    this.name = options.name ?? parts.runtime.service;
    this.process = settings.processMetrics ? new ProcessMetrics() : undefined;
    const { budget } = own;
    this.events = new LiveEvents(
      own.clock,
      () => this.state(),
      (error) => own.failed(error, '/console/events'),
    );
    const shared = (make: () => Reply | Promise<Reply>): Answer => {
      const result = new SharedResult(own.clock, budget, make);
      return () => result.get();
    };
    const { runtime } = parts;
    const get = (answer: Answer): Route => ({ method: 'GET', answer });
    const always: [string, Route][] = [
      ['/', get(() => indexPage(settings.console))],
      ['/metrics', get(shared(() => this.metrics()))],
      ['/healthz', get(() => text(200, 'ok'))],
      ['/readyz', get(() => this.ready())],
      ['/snapshot', get(shared(() => json(200, processSnapshot(runtime))))],
      ['/deprecations', get(shared(() => this.deprecations()))],
    ];
    const live: [string, Route][] = [
      ['/console', get(page)],
      ['/console/events', get((exchange) => this.follow(exchange))],
      ['/console/policy', get(shared(() => json(200, buildPolicies(runtime))))],
      ['/console/methods', get(shared(() => this.callable(own.local)))],
      ['/console/invoke', { method: 'POST', answer: (exchange) => this.call(exchange) }],
    ];
    this.routes = new Map(settings.console ? [...always, ...live] : always);
  }

  /** Whoever may not ask is told so before anything is done. */
  answer(exchange: Exchange): Reply | undefined | Promise<Reply | undefined> {
    const { request, path } = exchange;
    const { method = '', headers, rawHeaders } = request;
    const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
    const refusal =
      hosts.length > 1
        ? 'Two Host headers cannot both be right'
        : this.guard.refuse({ method, path, headers });
    if (refusal !== undefined) return json(403, { error: refusal });
    const route = this.routes.get(path);
    if (route === undefined) return json(404, { error: 'There is nothing here: see /' });
    if (method === route.method || (method === 'HEAD' && route.method === 'GET')) {
      return route.answer(exchange);
    }
    const allowed = route.method === 'GET' ? 'GET, HEAD' : 'POST';
    const error = `This answers ${allowed}`;
    return { ...json(405, { error }), headers: { Allow: allowed } };
  }

  close(): void {
    this.events.close();
    this.tried.close();
    this.lag.stop();
    this.process?.close();
  }

  private async metrics(): Promise<Reply> {
    const registry = this.parts.metrics?.registry;
    const calls = (await registry?.metrics()) ?? '';
    // Somebody who has prom-client collect them has them in there already.
    const told = registry?.getSingleMetric('process_cpu_seconds_total') !== undefined;
    const own = told ? '' : ((await this.process?.text()) ?? '');
    const type = registry?.contentType ?? 'text/plain; version=0.0.4; charset=utf-8';
    return { status: 200, type, body: Buffer.from(withProcess(calls, own)) };
  }

  private deprecations(): Reply {
    const { metrics, runtime } = this.parts;
    if (metrics !== undefined) return json(200, buildReport(metrics.deprecated, runtime.clock));
    // Not an empty report, which would say that nothing is used.
    const error = 'Nothing is counted here: the runtime was made with { metrics: false }';
    return json(503, { error });
  }

  private ready(): Reply {
    const { ready, reasons } = readiness(this.parts.runtime.parts, this.parts.server);
    return json(ready ? 200 : 503, { ready, reasons });
  }

  private follow({ request, response, stream }: Exchange): Reply | undefined {
    if (request.method === 'HEAD') {
      return { status: 200, type: 'text/event-stream; charset=utf-8', body: '' };
    }
    if (this.events.full) {
      const error = 'As many consoles are open as may be: close one';
      return { ...json(503, { error }), headers: { 'Retry-After': '5' } };
    }
    const bytes = this.events.add(response);
    if (this.events.size === 1) this.lag.start();
    // After the events' own listener, which takes it off.
    response.once('close', () => {
      if (this.events.size === 0) this.lag.stop();
    });
    stream(bytes);
    return undefined;
  }

  private state(): string {
    const { runtime, metrics, server } = this.parts;
    const { ready } = readiness(runtime.parts, server);
    const told = { loopLagMs: this.lag.read(), ready, invoke: this.invoke };
    return toJson(buildState({ runtime, metrics, name: this.name, process: told }));
  }

  /** Contracts are told to those who may call by them, and to other machines as reflection does. */
  private async callable(local: boolean): Promise<Reply> {
    return json(200, this.invoke ? await this.tried.methods(local) : []);
  }

  private call(exchange: Exchange): Reply | Promise<Reply> {
    if (this.invoke) return this.tried.call(exchange);
    const error = 'Calls from here are off: pass { invoke: true } to admin.listen()';
    return json(403, { error });
  }
}

function page(): Reply {
  const { html, csp } = consolePage();
  const headers = securityHeaders(csp);
  return { status: 200, type: 'text/html; charset=utf-8', body: html, headers };
}
