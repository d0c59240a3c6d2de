// Every documented route says in access.json who may use it, and nothing else stands there. Needs no daemon: a new route fails here at once.
import { readFileSync } from 'node:fs';

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)));
const matrix = read('access.json'), document = read('../../../server/api/openapi.json');
const needs = ['nobody', 'anyone', 'system', 'system_or_tenant_admin', 'member', 'administrator', 'reader', 'auditor', 'officer', 'overseer', 'eraser'];
const routes = Object.entries(document.paths).flatMap(([path, item]) => ['get', 'post', 'put', 'patch', 'delete'].filter((one) => item[one]).map((one) => `${one.toUpperCase()} ${path}`));

export function findings(served, entries) {
  return [...served.filter((one) => !entries[one]).map((one) => `${one}: add who may use it to tests/server/people/access.json (${needs.join(', ')})`),
    ...Object.keys(entries).filter((one) => !served.includes(one)).map((one) => `${one}: stands in access.json and is not documented`),
    ...Object.entries(entries).filter(([, need]) => !needs.includes(need)).map(([one, need]) => `${one}: '${need}' is no need`)];
}

// The control: a route without entry must be found.
if (findings([...routes, 'GET /new'], matrix).length !== findings(routes, matrix).length + 1) throw new Error('this check cannot fail');
const found = findings(routes, matrix);
for (const one of found) process.stderr.write(`${one}\n`);
process.exitCode = found.length === 0 ? 0 : 1;
