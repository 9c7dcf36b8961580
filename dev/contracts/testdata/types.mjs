// Prints the names of the TypeScript types of each schema. Arguments: the schemas.
import { compile } from 'json-schema-to-typescript';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

for (const file of process.argv.slice(2)) {
  const source = await compile(JSON.parse(readFileSync(file, 'utf8')), 'Unnamed', { format: false });
  const names = [...source.matchAll(/^export (?:interface|type) (\w+)/gm)].map(match => match[1]);
  console.log(basename(file) + ': ' + names.join(' '));
}
