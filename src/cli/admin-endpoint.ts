import { CliFailure, usageFailure } from './failure.ts';

/** A path of a process's admin endpoint; `from` may name a path of its own. */
export function adminUrl(from: string, path: string): URL {
  const url = URL.parse(from.includes('://') ? from : `http://${from}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw usageFailure(`--from '${from}' is no URL`, 'Write it as http://localhost:9464.');
  }
  if (url.pathname === '/') url.pathname = path;
  return url;
}

/** Asks an admin endpoint; any answer is handed on. */
export async function askAdmin(url: URL, accept: string): Promise<Response> {
  try {
    return await fetch(url, { headers: { accept } });
  } catch (error) {
    const { cause } = error as Error;
    const reason = cause instanceof Error ? cause.message || String(cause) : String(error);
    throw new CliFailure(`${url.origin} cannot be reached: ${reason}`, {
      hint: "Is the process up, and is this its admin endpoint's address?",
    });
  }
}
