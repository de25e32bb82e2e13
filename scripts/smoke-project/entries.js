// Every public entry loads as an ES module and has something to offer.
const entries = ['inboard', 'inboard/auth', 'inboard/nice-grpc', 'inboard/testing'];
for (const entry of entries) {
  const names = Object.keys(await import(entry));
  if (names.length === 0) throw new Error(`${entry} exports nothing`);
}
console.log('ok');
