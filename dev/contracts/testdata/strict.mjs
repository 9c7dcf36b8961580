// Compiles every schema in Ajv's strict mode. Arguments: the folder of the schemas.
import Ajv from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const read = file => JSON.parse(readFileSync(join(folder, file), 'utf8'));
let wrong = 0, compiled = 0;

function strict() {
  const ajv = new Ajv.default({ strict: true, allErrors: true, logger: { log: fail, warn: fail, error: fail } });
  formats.default(ajv);
  return ajv;
}
function fail(...why) {
  wrong++;
  console.log(...why);
}
function attempt(name, compile) {
  try {
    compile();
    compiled++;
  } catch (error) {
    fail(name + ': ' + error.message);
  }
}

const all = strict(); // together, as a program that reads every event has them
for (const file of readdirSync(folder).filter(f => f.startsWith('sync.') && f.endsWith('.json'))) {
  attempt(file, () => strict().compile(read(file)));
  attempt(file + ' beside the others', () => all.compile(read(file)));
}
for (const file of ['openapi.json', 'asyncapi.json']) {
  const schemas = JSON.parse(JSON.stringify(read(file).components.schemas).replaceAll('"#/components/schemas/', '"#/$defs/'));
  for (const name of Object.keys(schemas)) {
    attempt(file + ' ' + name, () => strict().compile({ $id: 'https://example.com/document', $defs: schemas, $ref: '#/$defs/' + name }));
  }
}
console.log(compiled + ' compiled');
process.exit(wrong ? 1 : 0);
