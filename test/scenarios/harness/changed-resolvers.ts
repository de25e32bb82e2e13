import type { ResolverFactory } from '../../../src/index.ts';
import { dnsResolver } from '../../../src/channel/resolvers/dns.ts';
import { fileResolver } from '../../../src/channel/resolvers/file.ts';
import type { ResolverSpec } from './specs.ts';

/** Between two questions of a resolver that does not wait for its own timer, in ms. */
const PROMPT_MS = 1_500;

/** Resolvers that differ from inboard's: some hurry, some have a feature taken out. */
export function changedResolvers(change: ResolverSpec): Readonly<Record<string, ResolverFactory>> {
  const wrap = { once, trusting, prompt }[change];
  return { dns: wrap(dnsResolver()), file: wrap(fileResolver) };
}

/** Asks when it starts and never again. */
function once(make: ResolverFactory): ResolverFactory {
  return (target, runtime) => {
    const resolver = make(target, runtime);
    return {
      loopback: resolver.loopback,
      start(listener) {
        let told = false;
        resolver.start({
          endpoints(list) {
            if (!told) listener.endpoints(list);
            told = true;
          },
          error: (status) => listener.error(status),
          empty: () => undefined,
        });
      },
      resolveNow: () => undefined,
      close: () => resolver.close(),
    };
  };
}

/** Takes a failure to resolve for the news that there is no server any more. */
function trusting(make: ResolverFactory): ResolverFactory {
  return prompt((target, runtime) => {
    const resolver = make(target, runtime);
    return {
      loopback: resolver.loopback,
      start(listener) {
        resolver.start({
          endpoints: (list) => listener.endpoints(list),
          error: (status) => listener.empty(status),
          empty: (status) => listener.empty(status),
        });
      },
      resolveNow: () => resolver.resolveNow(),
      close: () => resolver.close(),
    };
  });
}

/** Asks often: what is waited for is the answer, not the timer of 30 s. */
function prompt(make: ResolverFactory): ResolverFactory {
  return (target, runtime) => {
    const resolver = make(target, runtime);
    let timer: NodeJS.Timeout | undefined;
    return {
      loopback: resolver.loopback,
      start(listener) {
        resolver.start(listener);
        timer = setInterval(() => resolver.resolveNow(), PROMPT_MS);
      },
      resolveNow: () => resolver.resolveNow(),
      close() {
        clearInterval(timer);
        resolver.close();
      },
    };
  };
}
