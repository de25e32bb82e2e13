// A CommonJS program can require the package, since no module of it awaits at its top level.
const { createClient, createServer } = require('inboard');
if (typeof createClient !== 'function' || typeof createServer !== 'function') {
  throw new Error('require("inboard") gave neither createClient nor createServer');
}
console.log('ok');
