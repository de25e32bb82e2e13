import { LabServiceDefinition } from '../../../generated/inboard/testing/v1/lab.ts';

const { fullName: service, methods } = LabServiceDefinition;

/** What the users of stock grpc-js are told to write for methods that may run twice. */
const retryPolicy = {
  maxAttempts: 4,
  initialBackoff: '0.1s',
  maxBackoff: '1s',
  backoffMultiplier: 2,
  retryableStatusCodes: ['UNAVAILABLE'],
};

const safe = [methods.read, methods.price, methods.stock, methods.relay];

/** The best that an ordinary user of grpc-js configures: all servers in turn, and retries. */
export const STOCK_CONFIG: object = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [{ name: safe.map(({ name }) => ({ service, method: name })), retryPolicy }],
};

/** The same without retries. */
export const STOCK_NO_RETRY: object = { loadBalancingConfig: [{ round_robin: {} }] };

/** In words, for the table. */
export const STOCK_WORDS = 'round_robin, retryPolicy of 4 attempts on UNAVAILABLE';
