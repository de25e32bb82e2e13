/** Loaded before a program: at its end, the addresses of the modules it loaded go to stderr. */
import { writeSync } from 'node:fs';
import { registerHooks } from 'node:module';

const loaded: string[] = [];

registerHooks({
  load(url, context, next) {
    loaded.push(url);
    return next(url, context);
  },
});

process.on('exit', () => {
  writeSync(2, loaded.join('\n'));
});
