// Every public entry loads as an ES module and has something to offer.
const entries = [
  'inboard',
  'inboard/auth',
  'inboard/contract',
  'inboard/nice-grpc',
  'inboard/testing',
];
for (const entry of entries) {
  const names = Object.keys(await import(entry));
  if (names.length === 0) throw new Error(`${entry} exports nothing`);
}
// The schema is for editors and other tools, which read it as a file.
const { default: schema } = await import('inboard/policy.schema.json', { with: { type: 'json' } });
if (schema.title !== 'inboard policy') throw new Error('the schema of policies is something else');
console.log('ok');
