// A real Active Directory domain (Samba): what only a domain controller knows.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Daemon } from '../../support/daemon.mjs';
import { SambaDomain } from '../../support/directory_servers.mjs';

test('Samba as Active Directory', { skip: SambaDomain.unavailable }, async (t) => {
  const daemon = new Daemon(), domain = new SambaDomain();
  after(async () => { await daemon.remove(); await domain.stop(); });
  await Promise.all([daemon.start(), domain.start()]);
  const tenant = await daemon.tenant('ad');
  const ask = (path, method = 'POST', json = {}, status = 200) => daemon.expect(status, method, `${tenant.at}/${path}`, { token: tenant.admin, json: method === 'GET' ? undefined : json });
  const people = async () => (await ask('people?limit=1000', 'GET')).items;
  const of = async (account) => (await people()).find((one) => one.links[0].account === `arch.test\\${account}`);

  domain.add([...Array.from({ length: 60 }, (_, n) => domain.user(`u${n}`)), domain.user('noupn', { upn: '' }), domain.user('other', { upn: 'other@mail.test', proxies: ['SMTP:o.ther@mail.test', 'smtp:other@arch.test', 'SIP:other@arch.test'] }),
    domain.user('umlaut', { cn: 'Grün, Jürgen (Hof)' }), domain.user('off', { disabled: true }), domain.user('nomail', { proxies: [] })]);
  domain.add([domain.group('inner', ['u1', 'u2']), domain.group('outer', ['inner', 'u3'])]);
  const { id } = await ask('directories', 'POST', domain.settings({ passwords: true, losses_share_max: 1 }), 201);

  await t.test('reads users, implicit names, disabled ones, domains and nested groups', async () => {
    const preview = await ask(`directories/${id}/preview`);
    assert.equal(preview.counts.create, 64, JSON.stringify(preview.counts));
    await ask(`directories/${id}/sync`, 'POST', { preview: preview.id });
    assert.equal((await of('noupn')).name, 'noupn@arch.test');
    const other = await of('other');
    assert.equal(other.name, 'other@mail.test');
    assert.deepEqual(other.addresses.map((one) => one.address).sort(), ['o.ther@mail.test', 'other@arch.test']);
    assert.equal((await of('umlaut')).display_name, 'Grün, Jürgen (Hof)');
    assert.equal((await of('off')).state, 'disabled');
    assert.equal(await of('nomail'), undefined);
    const groups = Object.fromEntries((await ask('groups?limit=1000', 'GET')).items.map((one) => [one.name, one.id]));
    assert.ok((await of('u1')).groups.includes(groups.outer), 'nested');
    assert.ok((await of('u1')).groups.includes(groups['Domain Users']), 'the primary group is in no member attribute');
    const names = await ask('old-names', 'POST', { names: ['ARCH\\U5', 'u6', 'NOWHERE\\u7'] });
    assert.deepEqual(names.items.map((one) => one.upn), ['u5@arch.test', 'u6@arch.test', null]);
  });

  await t.test('incremental by update sequence numbers', async () => {
    await ask(`directories/${id}/sync`);
    const quiet = await ask(`directories/${id}/sync`);
    assert.deepEqual([quiet.complete, quiet.steps], [false, 0]);
    assert.ok(quiet.requests <= 6, `${quiet.requests}`);
    const before = await of('u10');
    domain.rename('u10', 'Renamed Person');
    domain.modify('Renamed Person', ['replace: userPrincipalName\nuserPrincipalName: new.name@arch.test', 'replace: userAccountControl\nuserAccountControl: 514']);
    const done = await ask(`directories/${id}/sync`);
    assert.equal(done.complete, false);
    const now = await of('u10');
    assert.deepEqual([now.id, now.name, now.state], [before.id, 'new.name@arch.test', 'disabled']);
    assert.deepEqual(now.former_names, ['u10@arch.test']);
  });

  await t.test('a change of a group is seen, a deletion is seen, a twin is another person', async () => {
    const groups = Object.fromEntries((await ask('groups?limit=1000', 'GET')).items.map((one) => [one.name, one.id]));
    domain.modify('inner', [`add: member\nmember: ${domain.dn('u20')}`]);
    await ask(`directories/${id}/sync`);
    assert.ok((await of('u20')).groups.includes(groups.outer));
    const before = await of('u30');
    domain.remove('u30');
    await ask(`directories/${id}/sync`);
    assert.equal((await ask(`people/${before.id}`, 'GET')).state, 'orphaned', 'tombstones are read');
    domain.add([domain.user('u30')]);
    await ask(`directories/${id}/sync`);
    const twin = (await people()).find((one) => one.name === 'u30@arch.test');
    assert.ok(twin && twin.id !== before.id);
  });

  await t.test('members beyond one answer are read by ranges', async () => {
    domain.add(Array.from({ length: 1700 }, (_, n) => [`dn: ${domain.dn(`c${n}`)}`, 'objectClass: contact', `cn: c${n}`]));
    domain.add([domain.group('huge', [...Array.from({ length: 1700 }, (_, n) => `c${n}`), 'u40'])]);
    daemon.agent.destroy();  // Samba takes its time for so many, and by then the daemon has hung up.
    await ask(`directories/${id}/sync`);
    const huge = (await ask('groups?limit=1000', 'GET')).items.find((one) => one.name === 'huge').id;
    assert.ok((await of('u40')).groups.includes(huge));
  });

  await t.test('passwords are the domain\'s; an empty one is never sent', async () => {
    const signIn = (username, password) => daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'ad', username, password } });
    assert.equal((await signIn('u1@arch.test', 'u1-Passw0rd!1')).status, 201);
    assert.equal((await signIn('u1@arch.test', 'wrong')).status, 401);
    assert.equal((await signIn('off@arch.test', 'off-Passw0rd!1')).status, 401);
    const plain = await ask('directories', 'POST', { ...domain.settings(), name: 'plain', urls: ['ldap://127.0.0.1'], start_tls: false }, 201);
    const refused = await ask(`directories/${plain.id}/check`);
    assert.match(refused.problem, /TLS/u);
    const upgraded = await ask('directories', 'POST', { ...domain.settings(), name: 'upgraded', urls: ['ldap://127.0.0.1'] }, 201);
    assert.deepEqual(await ask(`directories/${upgraded.id}/check`), { ok: true, problem: null });
  });
});
