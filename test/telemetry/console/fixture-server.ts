import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { consolePage } from '../../../src/telemetry/console/page.ts';
import type {
  ConsoleState,
  InvokeRequest,
  InvokeResponse,
  PolicyRow,
  TryMethod,
} from '../../../src/telemetry/console/console-state.ts';

const PAY = 'shop.payments.v1.PaymentService';

const policies: readonly PolicyRow[] = [
  {
    target: 'dns:///payments.shop.svc.cluster.local:50051',
    service: PAY,
    method: 'Charge',
    values: [
      { key: 'timeoutMs', value: 250, source: 'contract' },
      { key: 'maxTimeoutMs', value: null, source: 'default' },
      { key: 'retry.attempts', value: 3, source: 'code.methods' },
      { key: 'retry.codes', value: ['UNAVAILABLE', 'ABORTED'], source: 'default' },
      { key: 'breaker.failureShare', value: 0.5, source: 'file.methods' },
      { key: 'breaker.windowMs', value: 10_000, source: 'default' },
    ],
  },
];

const methods: readonly TryMethod[] = [
  {
    service: 'shop.orders.v1.OrderService',
    method: 'GetOrder',
    type: 'unary',
    template: '{\n  "id": ""\n}',
    fields: ['id: string'],
  },
  {
    service: 'shop.orders.v1.OrderService',
    method: 'ImportOrders',
    type: 'client_stream',
    template: '[\n  {\n    "id": "",\n    "lines": []\n  }\n]',
    fields: ['id: string', 'lines: repeated Line'],
  },
];

/** Serves the page as an admin listener does, with states that a test hands over. */
export class FixtureServer {
  readonly invoked: InvokeRequest[] = [];
  state: ConsoleState;
  /** While true, readers hear nothing and new ones are refused. */
  silent = false;
  url = '';
  private readonly readers = new Set<ServerResponse>();
  private readonly server = createServer((request, response) => {
    void this.answer(request, response);
  });

  private constructor(state: ConsoleState) {
    this.state = state;
  }

  static async start(state: ConsoleState): Promise<FixtureServer> {
    const fixture = new FixtureServer(state);
    fixture.server.listen(0, '127.0.0.1');
    await once(fixture.server, 'listening');
    const { port } = fixture.server.address() as AddressInfo;
    fixture.url = `http://127.0.0.1:${port}/console`;
    return fixture;
  }

  /** Tells every reader. */
  send(state: ConsoleState): void {
    this.state = state;
    if (this.silent) return;
    for (const reader of this.readers) reader.write(`data: ${JSON.stringify(state)}\n\n`);
  }

  /** Ends every stream, and refuses new ones until told otherwise. */
  hangUp(): void {
    this.silent = true;
    for (const reader of this.readers) reader.end();
    this.readers.clear();
  }

  get following(): number {
    return this.readers.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (request.url) {
      case '/console': {
        const { html, csp } = consolePage();
        response.setHeader('Content-Security-Policy', csp);
        response.setHeader('Content-Type', 'text/html; charset=utf-8');
        response.end(html);
        return;
      }
      case '/console/events':
        this.follow(response);
        return;
      case '/console/policy':
        tell(response, policies);
        return;
      case '/console/methods':
        tell(response, methods);
        return;
      case '/console/invoke':
        await this.invoke(request, response);
        return;
      default:
        response.writeHead(404).end('{"error":"nothing here"}');
    }
  }

  private follow(response: ServerResponse): void {
    if (this.silent) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`retry: 200\n\ndata: ${JSON.stringify(this.state)}\n\n`);
    this.readers.add(response);
    response.once('close', () => this.readers.delete(response));
  }

  private async invoke(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const asked = JSON.parse(body) as InvokeRequest;
    this.invoked.push(asked);
    if (asked.metadata?.['x-refuse'] !== undefined) {
      response.writeHead(400).end('{"error":"message.id: a string is due"}');
      return;
    }
    const answer: InvokeResponse = {
      code: 'OK',
      details: '',
      durationMs: 4.21,
      messages: [{ order: { id: 'o-1', total: '12 EUR', lines: [{ sku: 'tea', count: 2 }] } }],
      dropped: 0,
      header: { 'x-served-by': 'orders-1' },
      trailer: { 'grpc-status': '0' },
    };
    tell(response, answer);
  }
}

function tell(response: ServerResponse, value: unknown): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(value));
}
