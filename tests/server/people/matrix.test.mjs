// Who may use which route: every documented route × everybody who must not, and nothing leaks. access.json says what each route needs;
// openapi.json says which routes there are.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Daemon, until } from '../../support/daemon.mjs';

const matrix = JSON.parse(readFileSync(new URL('access.json', import.meta.url)));
const daemon = new Daemon();
const kSecret = 'Quetzalcoatlus';
let acme, other, archive, message, copy, callers, grantee, grant;

const routes = Object.entries(matrix).map(([route, need]) => { const [method, path] = route.split(' '); return { route, method, path, need }; });
const filled = (path, slug) => path.replace('{t}', slug).replace('{a}', archive).replace('{m}', message).replace('{c}', copy).replace(/\{\w+\}/gu, '1');
const ask = (method, path, token) => daemon.call(method, path, { token, json: method === 'GET' ? undefined : {} });

const all = ['user', 'auditor', 'compliance_officer', 'administrator'];
const tenantRoles = { nobody: all, anyone: all, member: all, reader: all, system: [], system_or_tenant_admin: ['administrator'], administrator: ['administrator'],
  auditor: ['auditor', 'compliance_officer', 'administrator'], officer: ['compliance_officer'], overseer: ['auditor', 'compliance_officer'], eraser: ['administrator', 'compliance_officer'] };
const openToSystem = new Set(['nobody', 'anyone', 'system', 'system_or_tenant_admin']);

async function made(tenant, username, roles) {
  const user = await daemon.expect(201, 'POST', `${tenant.at}/users`, { token: tenant.admin, json: { username, display_name: username, roles, addresses: [] } });
  const grantOf = await daemon.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant: tenant.slug, username, code: user.one_time_code, password: `${username}-is-long-enough` } });
  return { id: user.id, token: grantOf.token };
}

before(async () => {
  await daemon.start();
  [acme, other] = [await daemon.tenant('acme'), await daemon.tenant('other')];
  archive = await daemon.archive(acme);
  ({ message_id: message, copy_id: copy } = await daemon.import(acme, archive, `Subject: ${kSecret}\r\nFrom: a@b.test\r\n\r\n${kSecret}\r\n`));
  await daemon.indexed(acme);
  callers = { administrator: acme.admin, compliance_officer: acme.officer, auditor: (await made(acme, 'auditor', ['auditor'])).token, user: (await made(acme, 'user', ['user'])).token };
  grantee = await made(acme, 'grantee', ['user']);
});
after(() => daemon.remove());

// A refusal: the right status, a problem document, small, and without a word of what is there.
function refused(answer, statuses, what) {
  assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} instead of ${statuses}`);
  assert.equal(answer.headers['content-type'], 'application/problem+json', what);
  assert.ok(answer.body.length < 1000, `${what}: ${answer.body.length} bytes`);
  assert.ok(!answer.body.includes(kSecret) && !answer.body.includes(copy), what);
}

test('nobody, and whoever has no valid token, is told to sign in', async () => {
  for (const { route, method, path, need } of routes.filter((one) => one.need !== 'nobody')) {
    for (const token of [undefined, 'acme.forged', 'nowhere.forged', '~.forged', acme.admin.replace('acme.', 'other.'), acme.admin.slice(0, -1)]) {
      refused(await ask(method, filled(path, 'acme'), token), [401], `${route} (${need}) without token`);
    }
  }
});

test('the wrong role is denied; the right one is not', async () => {
  let tried = 0;
  for (const { route, method, path, need } of routes.filter((one) => one.path.includes('{t}') || one.need === 'system')) {
    for (const role of all) {
      const may = tenantRoles[need].includes(role);
      if (may && method !== 'GET') continue;  // It would have its effect.
      if (may && path.endsWith('/events')) continue;  // It does not end.
      const answer = await ask(method, filled(path, 'acme'), callers[role]);
      tried += 1;
      if (may) assert.ok(![401, 403, 405].includes(answer.status), `${route} as ${role}: ${answer.status} ${answer.body.toString().slice(0, 200)}`);
      else refused(answer, [403], `${route} as ${role}`);
    }
  }
  assert.ok(tried > 150, `only ${tried} tried`);
});

test('of another tenant nothing is said, not even that it exists', async () => {
  const plain = (answer) => answer.body.toString().replaceAll(/"request_id":"[^"]*"/gu, '').replaceAll(/acme|nowhere/gu, 'T');
  for (const { route, method, path } of routes.filter((one) => one.path.includes('{t}') && one.need !== 'nobody')) {
    for (const token of [other.admin, other.officer]) {
      const [there, not] = [await ask(method, filled(path, 'acme'), token), await ask(method, filled(path, 'nowhere'), token)];
      refused(there, [404], `${route} of another tenant`);
      assert.deepEqual([there.status, plain(there)], [not.status, plain(not)], `${route} tells a tenant that is there from one that is not`);
    }
  }
});

test('a system administrator without a grant sees no tenant from inside', async () => {
  for (const { route, method, path, need } of routes.filter((one) => one.path.includes('{t}') && !openToSystem.has(one.need))) {
    refused(await ask(method, filled(path, 'acme'), daemon.system), [403], `${route} (${need}) as system administrator`);
  }
});

const reading = () => [`archives/${archive}/folders`, `archives/${archive}/messages`, `messages/${message}`, `messages/${message}/text`, `messages/${message}/copies/${copy}/raw`];
const give = (json) => daemon.expect(201, 'POST', `${acme.at}/grants`, { token: acme.admin, json: { archive, reason: 'test', ...json } });
const finds = async (token, query = '') => (await daemon.expect(200, 'GET', `${acme.at}/search?q=${kSecret}${query}`, { token })).total;

test('a grant opens what it says, until it ends', async () => {
  const { token, id } = grantee;
  const denied = async (what) => {
    for (const path of reading()) refused(await ask('GET', `${acme.at}/${path}`, token), [404], `${path} ${what}`);
    assert.equal(await finds(token), 0, what);
  };
  await denied('without grant');
  const late = await give({ user: id, from: '2099-01-01T00:00:00Z' });
  await denied('before it begins');
  grant = await give({ user: id, until: new Date(Date.now() + 3000).toISOString() });
  for (const path of reading()) assert.equal((await ask('GET', `${acme.at}/${path}`, token)).status, 200, path);
  assert.equal(await finds(token), 1);
  await until(async () => !(await daemon.expect(200, 'GET', `${acme.at}/grants`, { token: acme.admin })).items.find((one) => one.id === grant.id).holds, 'the grant does not end');
  await denied('after it ended');
  const removed = await give({ user: id });
  assert.equal(await finds(token), 1);
  await daemon.expect(204, 'DELETE', `${acme.at}/grants/${removed.id}`, { token: acme.admin });
  await denied('after it was removed');
  await daemon.expect(204, 'DELETE', `${acme.at}/grants/${late.id}`, { token: acme.admin });
  const audited = (await daemon.expect(200, 'GET', `${acme.at}/audit?limit=1000`, { token: acme.officer })).items;
  assert.ok(audited.some((one) => one.action === 'message.raw' && one.reason === `grant ${grant.id}`), 'the log says why it was allowed');
});

test('a grant on a folder opens that folder', async () => {
  const { token, id } = grantee;
  const inside = await daemon.import(acme, archive, 'Subject: inside\r\n\r\nx\r\n', '&folder=Inbox/Projects');
  const beside = await daemon.import(acme, archive, 'Subject: beside\r\n\r\ny\r\n', '&folder=Inbox2');
  await give({ user: id, folder: 'Inbox' });
  assert.equal((await ask('GET', `${acme.at}/messages/${inside.message_id}`, token)).status, 200);
  assert.equal((await ask('GET', `${acme.at}/messages/${beside.message_id}`, token)).status, 404);
  assert.equal((await ask('GET', `${acme.at}/archives/${archive}/messages?folder=Inbox/Projects`, token)).status, 200);
  for (const query of ['', '?folder=Inbox2']) assert.equal((await ask('GET', `${acme.at}/archives/${archive}/messages${query}`, token)).status, 404);
  const folders = (await daemon.expect(200, 'GET', `${acme.at}/archives/${archive}/folders`, { token })).items.map((one) => one.folder);
  assert.deepEqual(folders, ['Inbox', 'Inbox/Projects']);
});

test('nobody grants himself anything, and the system only for a time', async () => {
  const me = (await daemon.expect(200, 'GET', '/api/v1/sessions/current', { token: acme.admin })).user.id;
  const refusedGrant = async (json, status) => assert.equal((await daemon.call('POST', `${acme.at}/grants`, { token: acme.admin, json: { archive, reason: 'x', ...json } })).status, status, JSON.stringify(json));
  await refusedGrant({ user: me }, 403);
  await refusedGrant({ system_administrator: 'admin' }, 400);
  await refusedGrant({ system_administrator: 'admin', until: new Date(Date.now() + 100 * 3600_000).toISOString() }, 400);
  await refusedGrant({ user: grantee.id, reason: '' }, 400);
  const let_in = await give({ system_administrator: 'admin', until: new Date(Date.now() + 3600_000).toISOString(), reason: 'ticket 4711' });
  assert.equal(await finds(daemon.system), 1);
  assert.equal((await ask('GET', `${acme.at}/users`, daemon.system)).status, 403, 'to read, and nothing else');
  assert.equal((await ask('GET', `${other.at}/search`, daemon.system)).status, 403);
  const audited = (await daemon.expect(200, 'GET', `${acme.at}/audit?limit=1000`, { token: acme.officer })).items;
  assert.ok(audited.some((one) => one.action === 'system.access' && one.username === 'admin'), 'in the tenant\'s own log');
  await daemon.expect(204, 'DELETE', `${acme.at}/grants/${let_in.id}`, { token: acme.admin });
  assert.equal((await ask('GET', `${acme.at}/search`, daemon.system)).status, 403);
});

test('officers state a purpose, and four eyes are four', async () => {
  const policy = (json) => daemon.expect(200, 'PATCH', `${acme.at}/access-policy`, { token: acme.admin, json });
  await policy({ purpose_needed: true });
  refused(await ask('GET', `${acme.at}/search?q=${kSecret}`, acme.officer), [403], 'without purpose');
  assert.equal(await finds(acme.officer, '&purpose=case%2017'), 1);
  await policy({ four_eyes: true });
  assert.equal(await finds(acme.officer, '&purpose=x'), 0);
  const request = await daemon.expect(201, 'POST', `${acme.at}/access-requests`, { token: acme.officer, json: { archive, reason: 'case 17', until: new Date(Date.now() + 3600_000).toISOString() } });
  assert.equal(request.holds, false);
  assert.equal(await finds(acme.officer, '&purpose=x'), 0);
  const approve = (token) => daemon.call('POST', `${acme.at}/access-requests/${request.id}/approve`, { token, json: {} });
  assert.equal((await approve(acme.officer)).status, 409, 'his own');
  assert.equal((await approve(callers.administrator)).status, 403);
  assert.equal((await approve(callers.auditor)).status, 200);
  assert.equal(await finds(acme.officer, '&purpose=x'), 1);
  await policy({ purpose_needed: false, four_eyes: false });
});
