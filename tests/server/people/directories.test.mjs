// Directories end to end: a real slapd and the Microsoft 365 double, synchronised by the real daemon.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon, startDouble } from '../../support/daemon.mjs';
import { OpenLdap } from '../../support/directory_servers.mjs';

const daemon = new Daemon();
let tenant;
before(async () => { await daemon.start(); tenant = await daemon.tenant('people'); });
after(() => daemon.remove());

const asAdmin = (path, method = 'GET', json = undefined, status = undefined) =>
  daemon.expect(status ?? (method === 'POST' && !/\/(preview|sync|check|old-names)$/u.test(path) ? 201 : 200), method, `${tenant.at}/${path}`, { token: tenant.admin, json });
const everybody = async () => {
  const all = [];
  for (let after = ''; ;) {
    const page = await asAdmin(`people?limit=1000${after && `&after=${after}`}`);
    all.push(...page.items);
    if (!page.next) return all;
    after = page.next;
  }
};
const named = async (name) => (await everybody()).find((one) => one.name === name);

test('OpenLDAP', { skip: OpenLdap.unavailable }, async (t) => {
  const ldap = new OpenLdap();
  after(() => ldap.stop());
  await ldap.start();
  const odd = ['Müller, Jörg', '李 小龙', 'a\\b', 'plus+sign', '#hash', 'semi;colon "quoted"'];
  ldap.add([...Array.from({ length: 1200 }, (_, n) => ldap.person(`p${n}`)), ...odd.map((cn, n) => ldap.person(cn, { uid: `odd${n}` })),
    ldap.person('many', { proxies: Array.from({ length: 40 }, (_, n) => `${['smtp', 'SIP', 'X500', 'SMTP'][n % 4]}:many${n}@arch.test`) })]);
  ldap.add([ldap.group('inner', [...odd.slice(0, 2), 'outer']), ldap.group('outer', ['p1', 'inner'])]);
  const { id } = await asAdmin('directories', 'POST', ldap.settings({ passwords: true }));

  await t.test('a wrong password, a wrong base, a wrong authority and no TLS are told in words', async () => {
    for (const [wrong, said] of [[{ bind_password: 'wrong' }, /wrong/u], [{ bases: ['dc=nowhere'] }, /base/u], [{ ca_pem: '' }, /TLS/u], [{ urls: ['ldap://127.0.0.1:1'] }, /127\.0\.0\.1:1/u]]) {
      const made = await asAdmin('directories', 'POST', ldap.settings({ name: 'wrong', ...wrong }));
      const answer = await asAdmin(`directories/${made.id}/check`, 'POST', {});
      assert.equal(answer.ok, false, JSON.stringify(wrong));
      assert.match(answer.problem, said);
      assert.doesNotMatch(JSON.stringify(await asAdmin(`directories/${made.id}`)), /secret|wrong"\}/u);
      await asAdmin(`directories/${made.id}`, 'DELETE', undefined, 204);
    }
    assert.equal((await asAdmin(`directories/${id}/check`, 'POST', {})).ok, true);
    const empty = await daemon.call('POST', `${tenant.at}/directories`, { token: tenant.admin, json: ldap.settings({ bind_password: '' }) });
    assert.equal(empty.status, 400);
  });

  await t.test('a preview changes nothing, and the synchronisation does exactly what it showed', async () => {
    const preview = await asAdmin(`directories/${id}/preview`, 'POST', {});
    assert.equal(preview.counts.create, 1207);
    assert.equal((await everybody()).length, 0);
    const done = await asAdmin(`directories/${id}/sync`, 'POST', { preview: preview.id });
    assert.deepEqual([done.id, done.counts], [preview.id, preview.counts]);
    const people = await everybody();
    assert.equal(people.length, 1207);
    for (const cn of odd) assert.ok(people.some((one) => one.display_name === cn), cn);
    const many = people.find((one) => one.display_name === 'many');
    assert.equal(many.addresses.length, 21);
    const both = people.find((one) => one.display_name === odd[0]);
    assert.equal(both.groups.length, 2, 'nested, through a cycle');
    const again = await daemon.call('POST', `${tenant.at}/directories/${id}/sync`, { token: tenant.admin, json: { preview: preview.id } });
    assert.equal(again.status, 409, 'a preview is executed once');
  });

  await t.test('nothing changed costs a handful of requests and no time', async () => {
    const begun = Date.now();
    const done = await asAdmin(`directories/${id}/sync`, 'POST', {});
    assert.equal(done.complete, false);
    assert.equal(done.steps, 0);
    assert.ok(done.requests <= 8, `${done.requests} requests`);
    assert.ok(Date.now() - begun < 2000);
  });

  await t.test('moved and renamed objects are the same people; an address that changes hands has two owners', async () => {
    const before = await named('p2@arch.test');
    ldap.rename('p2', 'p2 married');
    ldap.modify('p2 married', ['replace: mail\nmail: married@arch.test']);
    ldap.modify('p3', ['add: mail\nmail: p2@arch.test']);
    const done = await asAdmin(`directories/${id}/sync`, 'POST', {});
    assert.equal(done.complete, false, 'only what changed was read');
    const now = await named('married@arch.test');
    assert.equal(now.id, before.id);
    assert.deepEqual(now.former_names, ['p2@arch.test']);
    const owner = async (at) => (await asAdmin(`address-owner?address=p2@arch.test&at=${at}`)).person;
    assert.equal(await owner('2020-01-01T00:00:00Z'), before.id);
    assert.equal(await owner('2099-01-01T00:00:00Z'), (await everybody()).find((one) => one.display_name === 'p3').id);
  });

  await t.test('a re-created twin is a new person, and the earlier one is an orphan with his archive', async () => {
    const before = await named('p5@arch.test');
    ldap.remove('p5');
    ldap.add([ldap.person('p5')]);
    const done = await asAdmin(`directories/${id}/sync`, 'POST', { complete: true });
    assert.equal(done.counts.twin, 1);
    const now = await named('p5@arch.test');
    assert.notEqual(now.id, before.id);
    assert.equal((await asAdmin(`people/${before.id}`)).state, 'orphaned');
  });

  await t.test('too many losses stop it, and nothing was changed', async () => {
    for (let n = 100; n < 300; ++n) ldap.remove(`p${n}`);
    const stopped = await daemon.call('POST', `${tenant.at}/directories/${id}/sync`, { token: tenant.admin, json: { complete: true } });
    assert.equal(stopped.status, 409, stopped.body.toString());
      assert.match(stopped.json.detail, /200 people/u);
    assert.equal((await named('p100@arch.test')).state, 'active');
    await asAdmin(`directories/${id}/sync`, 'POST', { complete: true, confirm_losses: true });
    assert.equal((await everybody()).filter((one) => one.state === 'orphaned').length, 201);
  });

  await t.test('people sign in with the passwords of the directory', async () => {
    const signIn = (username, password) => daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'people', username, password } });
    assert.equal((await signIn('p1@arch.test', 'p1-Passw0rd')).status, 201);
    for (const [name, password] of [['p1@arch.test', 'p2-Passw0rd'], ['p1@arch.test', ' '], ['p100@arch.test', 'p100-Passw0rd'], ['*@arch.test', 'p1-Passw0rd'], ['p1)(uid=*', 'x']]) {
      assert.equal((await signIn(name, password)).status, 401, name);
    }
  });

  await t.test('a directory that does not answer changes nothing and says so', async () => {
    await ldap.halt();
    const failed = await daemon.call('POST', `${tenant.at}/directories/${id}/sync`, { token: tenant.admin, json: {} });
    assert.equal(failed.status, 503);
    assert.match((await asAdmin(`directories/${id}`)).last_error, /127\.0\.0\.1/u);
    assert.equal((await named('p1@arch.test')).state, 'active');
    const outage = await daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'people', username: 'p1@arch.test', password: 'p1-Passw0rd' } });
    assert.equal(outage.status, 503, 'not "wrong password"');
    await ldap.run();
    assert.equal((await daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'people', username: 'p1@arch.test', password: 'p1-Passw0rd' } })).status, 201);
  });
});

test('Entra ID, through Graph', async (t) => {
  const double = await startDouble({});
  after(() => double.stop());
  const entra = await daemon.tenant('entra');
  const ask = (path, method = 'POST', json = {}, status = 200) => daemon.expect(status, method, `${entra.at}/${path}`, { token: entra.admin, json: method === 'GET' ? undefined : json });
  const people = async () => (await ask('people?limit=1000', 'GET')).items;
  const put = (user) => double.admin('POST', '/directory/users', user);
  const user = (n, more = {}) => ({ id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`, userPrincipalName: `u${n}@x.test`, displayName: `U${n}`, mail: `u${n}@x.test`, proxyAddresses: [`SMTP:u${n}@x.test`], licensed: true, ...more });
  for (let n = 1; n <= 2500; ++n) await put(user(n));
  await put(user(9001, { userType: 'Guest', userPrincipalName: 'g_else.test#EXT#@x.test' }));
  await put(user(9002, { accountEnabled: false, licensed: false }));
  const { readFileSync } = await import('node:fs');
  const { ready } = double;
  const credential = await ask('credentials', 'POST', { kind: 'entra_app', directory_id: ready.directory_id, client_id: ready.client_id, client_secret: ready.client_secret, authority: ready.url, graph_url: ready.url, ca_pem: readFileSync(ready.ca_file, 'utf8') }, 201);
  const { id } = await ask('directories', 'POST', { name: 'Entra', kind: 'entra', credential: credential.id, losses_share_max: 1 }, 201);

  await t.test('all are read, guests are not taken', async () => {
    const done = await ask(`directories/${id}/sync`);
    assert.equal(done.counts.create, 2501);
    assert.equal(done.ignored.guests, 1);
  });
  await t.test('nothing changed costs two requests', async () => {
    const done = await ask(`directories/${id}/sync`);
    assert.deepEqual([done.complete, done.requests, done.steps], [false, 2, 0]);
  });
  await t.test('changes, removals and conversions come by delta', async () => {
    await put({ id: user(1).id, userPrincipalName: 'married@x.test' });
    await put({ id: user(2).id, accountEnabled: false });
    await double.admin('DELETE', `/directory/users?id=${user(3).id}`);
    const done = await ask(`directories/${id}/sync`);
    assert.equal(done.complete, false);
    const by = Object.fromEntries((await people()).concat((await ask('people?limit=1000', 'GET')).items).map((one) => [one.links[0].object, one]));
    assert.equal(by[user(1).id].name, 'married@x.test');
    assert.equal(by[user(2).id].state, 'disabled');
    assert.equal(by[user(3).id].state, 'orphaned');
    await put(user(3));  // Restored within thirty days.
    await ask(`directories/${id}/sync`);
    assert.equal((await people()).find((one) => one.links[0].object === user(3).id).state, 'active');
  });
  await t.test('a delta token that is too old means a complete read', async () => {
    await double.admin('POST', '/directory/evict');
    const done = await ask(`directories/${id}/sync`);
    assert.deepEqual([done.complete, done.counts.create ?? 0], [true, 0]);
  });
  await t.test('an answer that is cut short is asked for again, and never a smaller directory', async () => {
    await double.admin('POST', '/directory/evict');
    await double.admin('POST', '/faults', [{ match: '/users/delta', kind: 'truncate', count: 2 }, { match: '/groups/delta', kind: '503', count: 1, retry_after: 0 }]);
    assert.equal((await ask(`directories/${id}/sync`)).losses, 0);
    await double.admin('DELETE', '/faults');
  });
});

test('a table, and a local user who is taken over by it', async () => {
  const csv = await daemon.tenant('table');
  const ask = (path, method = 'POST', json = {}, status = 200) => daemon.expect(status, method, `${csv.at}/${path}`, { token: csv.admin, json: method === 'GET' ? undefined : json });
  const local = await ask('users', 'POST', { username: 'Anna@x.test', roles: ['user'], addresses: [] }, 201);
  const old = await ask('users', 'POST', { username: 'X\\bert', roles: ['user'], addresses: [] }, 201);
  const table = 'id;upn;display_name;addresses;kind;enabled;groups\r\n1;anna@x.test;"Anna ""A"" Berg";anna@x.test info@x.test;;;Sales\r\n2;bert@x.test;Bert;bert@x.test info@x.test;;;\r\n3;room@x.test;Room;room@x.test;room;no;\r\n';
  const bad = await daemon.call('POST', `${csv.at}/directories`, { token: csv.admin, json: { name: 'T', kind: 'csv', csv: 'id,upn\n1\n' } });
  assert.equal(bad.status, 400);
  assert.match(bad.json.detail, /line 2/u);
  const { id } = await ask('directories', 'POST', { name: 'T', kind: 'csv', csv: table }, 201);
  const done = await ask(`directories/${id}/sync`);
  assert.equal(done.counts.conflict, 2, 'info@x.test is claimed twice');
  const people = (await ask('people', 'GET')).items;
  assert.equal(people.find((one) => one.name?.toLowerCase() === 'anna@x.test').id, local.id);
  assert.equal(people.find((one) => one.display_name === 'Room').kind, 'room');
  assert.ok(people.every((one) => one.addresses.every(({ address }) => address !== 'info@x.test')));
  await ask(`directories/${id}`, 'PATCH', { decisions: { 'info@x.test': '2' } });
  await ask(`directories/${id}/sync`);
  const owner = await ask('address-owner?address=INFO@x.test', 'GET');
  assert.equal(owner.person, people.find((one) => one.name === 'bert@x.test').id);
  const shown = (await ask('old-names', 'POST', {})).items;
  assert.deepEqual(shown.map((one) => [one.name, one.upn, one.applied]), [['X\\bert', null, false]], 'a table has no accounts: not clear who is meant');
  assert.equal((await ask(`users/${old.id}`, 'GET')).disabled, false);
});
