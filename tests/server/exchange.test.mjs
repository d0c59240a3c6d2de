// Exchange Server as an administrator meets it: profiles with their options, comparison with the source, removal at the source, and mail put back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon, startDouble, until } from '../support/daemon.mjs';

const synthetic = { mailboxes: 2, messages: 40, folders: 2, mean_bytes: 2000, seed: 5 };
const [upn, other] = ['person0@synthetic.example', 'person1@synthetic.example'];
const daemon = new Daemon();
let double, tenant, credential;

before(async () => {
  double = await startDouble({ synthetic }, 'exchange');
  await daemon.start();
  tenant = await daemon.tenant('exchange');
  credential = await daemon.exchangeCredential(tenant, double.ready);
});
after(async () => { await daemon.remove(); double.stop(); });

const mail = (subject, text = 'text') => Buffer.from(`From: Writer <w@example.org>\r\nTo: <${upn}>\r\nSubject: ${subject}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${subject.replace(/\W/gu, '-')}@example.org>\r\n\r\n${text}\r\n`);
const call = (status, method, path, json, token = tenant.admin) => daemon.expect(status, method, `${tenant.at}/${path}`, { token, json });
const profile = async (more) => (await call(201, 'POST', 'profiles', { name: 'p', kind: 'ews', credential, mailboxes: { include: [upn] }, ...more })).id;
const run = async (id, options = {}) => daemon.runEnds(tenant, (await call(202, 'POST', `profiles/${id}/runs`, options)).id);
const mailboxOf = (ended, name = upn) => ended.mailboxes.find((one) => one.upn === name);
const items = async (name = upn) => (await double.admin('GET', '/mailboxes')).find((one) => one.mail === name).items;
const statement = async (id) => (await call(200, 'GET', `reports/completeness?profile=${id}`)).items[0].statement;
const add = (query, bytes) => double.admin('POST', `/messages?upn=${upn}&${query}`, bytes);
async function withManners() {
  const stats = await double.admin('GET', '/stats');
  assert.deepEqual([stats.early, stats.over_limit, stats.violations], [[], 0, []]);
  return stats;
}

test('comparison finds each of 100 messages that no synchronisation tells of', async () => {
  const id = await profile({ name: 'compared' });
  assert.equal(mailboxOf(await run(id)).complete, true);
  for (let n = 0; n < 100; ++n) await add('folder=Inbox&hidden', mail(`hidden ${n}`));
  assert.equal(mailboxOf(await run(id)).archived, 0, 'the control: synchronisation must not tell of them');
  const ended = await run(id, { reconcile: true });
  assert.equal(mailboxOf(ended).archived, 100, JSON.stringify(ended));
  assert.equal(mailboxOf(ended).complete, true);
  const made = await statement(id);
  assert.equal(made.found_by_comparison, 100);
  assert.equal(made.at_source, made.archived + made.quarantined);
  assert.ok(made.folders_left_out.includes('Deleted Items'), JSON.stringify(made.folders_left_out));
  await withManners();
});

test('in-place archives and recoverable items are further folders of the one archive', async () => {
  await double.admin('POST', `/archive-mailbox?upn=${upn}`);
  await add('folder=Projects&root=archivemsgfolderroot', mail('from the in-place archive'));
  await add('folder=Deletions&root=recoverableitemsroot', mail('from the deletions'));
  const ended = await run(await profile({ name: 'all of it', in_place_archives: true, recoverable_items: true }));
  assert.equal(ended.mailboxes.length, 2, JSON.stringify(ended));
  assert.ok(ended.mailboxes.every((one) => one.complete === true), JSON.stringify(ended));
  assert.equal(ended.mailboxes[0].archive, ended.mailboxes[1].archive);
  const folders = (await call(200, 'GET', `archives/${ended.mailboxes[0].archive}/folders`, undefined, tenant.officer)).items.map((one) => one.folder ?? one.path ?? one.name);
  assert.ok(folders.includes('In-Place Archive/Projects') && folders.includes('Recoverable Items/Deletions'), JSON.stringify(folders));
  await withManners();
});

test('unread mail waits when the profile says so, and comes when it has been read', async () => {
  const id = await profile({ name: 'read only', unread: false });
  await run(id);
  const { id: item } = await add('folder=Inbox', mail('not read yet'));
  assert.equal(mailboxOf(await run(id, { reconcile: true })).archived, 0);
  assert.ok((await statement(id)).unread_left_out > 0);
  await double.admin('POST', `/messages/change?upn=${upn}&id=${encodeURIComponent(item)}`, { is_read: true });
  assert.equal(mailboxOf(await run(id)).archived, 1);
});

test('after archiving: the plan is shown, a share too large stops everything, and only what is archived goes', async () => {
  for (let n = 0; n < 30; ++n) await add(`folder=Old&read&received=2020-01-0${1 + (n % 9)}T00:00:00Z`, mail(`old ${n}`));
  await add('folder=Old&received=2020-01-01T00:00:00Z&flagged', mail('flagged and old'));
  const id = await profile({ name: 'remover', folders: { include: ['Old'] } });
  await run(id);
  const { id: late } = await add('folder=Old&hidden&received=2020-01-01T00:00:00Z', mail('never archived'));
  await call(200, 'PATCH', `profiles/${id}`, { reconcile_every: null, after_archiving: { action: 'delete', older_than: '365d' } });
  const plan = await call(200, 'POST', `profiles/${id}/preview`, { mailbox: upn });
  assert.deepEqual([plan.listed, plan.would_go, plan.flagged, plan.not_archived, plan.stopped], [32, 30, 1, 1, true], JSON.stringify(plan));
  const stopped = mailboxOf(await run(id));
  assert.equal(stopped.removed_at_source, 0);
  assert.match(stopped.findings.join(), /30 of 32 messages \(93 %\) would go/u);
  await call(200, 'PATCH', `profiles/${id}`, { after_archiving: { action: 'delete', older_than: '365d', share_max: 100 } });
  const old = (await items()).filter((one) => one.folder === 'Old' && one.root === 'msgfolderroot');
  await double.admin('POST', `/messages/change?upn=${upn}&id=${encodeURIComponent(old[0].id)}`, { is_read: false });  // In another state than it was archived in.
  const done = mailboxOf(await run(id));
  assert.equal(done.removed_at_source, 30, JSON.stringify(done));
  const left = (await items()).filter((one) => one.folder === 'Old' && one.root === 'msgfolderroot');
  assert.equal(left.length, 2, 'the flagged one and the one that is not archived stay');
  assert.ok(left.some((one) => one.id === late));
  assert.ok((await items()).filter((one) => one.root === 'recoverableitemsroot').length >= 30, 'deleted mail stays recoverable');
  await daemon.indexed(tenant);
  assert.ok((await daemon.expect(200, 'GET', `${tenant.at}/search?q=${encodeURIComponent('subject:old folder:Old')}`, { token: tenant.officer })).total >= 30);
  await withManners();
});

test('after archiving: moved into a folder that is made, and not archived twice', async () => {
  for (let n = 0; n < 5; ++n) await add('folder=Hot&read&received=2020-02-01T00:00:00Z', mail(`to be moved ${n}`));
  const id = await profile({ name: 'mover', folders: { include: ['Hot', 'Cold'] }, after_archiving: { action: 'move', older_than: '1d', move_to: 'Cold/2020', share_max: 100 } });
  assert.equal(mailboxOf(await run(id)).removed_at_source, 5);
  assert.equal((await items()).filter((one) => one.folder === 'Cold/2020').length, 5);
  const again = mailboxOf(await run(id, { reconcile: true }));
  assert.deepEqual([again.removed_at_source, again.complete], [0, true], JSON.stringify(again));
  await daemon.indexed(tenant);
  assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/search?q=${encodeURIComponent('subject:"to be moved"')}`, { token: tenant.officer })).total, 5);
  await withManners();
});

test('mail comes back, once, whatever becomes of the answers', async () => {
  for (const [name, fault] of [['a reset', { kind: 'reset' }], ['an answer cut short', { kind: 'truncate' }], ['an internal failure', { kind: 'fault', code: 'ErrorInternalServerError' }], ['busy', null]]) {
    const text = `words of ${name}`.replaceAll(' ', '');
    const { id: lost } = await add('folder=Inbox&received=2026-03-02T10:00:05Z', mail(`lost in ${name}`, text));
    const id = await profile({ name });
    const { archive } = mailboxOf(await run(id));
    await double.admin('DELETE', `/messages?upn=${upn}&id=${encodeURIComponent(lost)}`);
    await daemon.indexed(tenant);
    const [hit] = (await daemon.expect(200, 'GET', `${tenant.at}/search?q=${text}`, { token: tenant.officer })).items;
    // Carried out, and not told; then not carried out at all.
    await double.admin('POST', '/faults', fault ? [{ match: 'request CreateItem', ...fault, applied: fault.kind !== 'truncate', count: 1 }, { match: 'request CreateItem', ...fault, after: 1, count: 1 }]
      : [{ match: 'request CreateItem', kind: 'fault', code: 'ErrorServerBusy', back_off: 300, count: 1 }]);
    const begun = await call(202, 'POST', 'restores', { profile: id, archive, messages: [hit.message_id], folder: `Back/${name}` });
    const ended = await until(async () => { const now = await call(200, 'GET', `restores/${begun.id}`); return now.state !== 'running' && now; }, 'the restore does not end');
    await double.admin('DELETE', '/faults');
    assert.equal(ended.state, 'succeeded', JSON.stringify(ended));
    const there = (await items()).filter((one) => one.folder === `Back/${name}`);
    assert.equal(there.length, 1, `${there.length} messages after ${name}`);
    const message = await double.admin('GET', `/message?upn=${upn}&id=${encodeURIComponent(there[0].id)}`);
    assert.equal(message.isDraft, false);
    assert.equal(message.received, '2026-03-02T10:00:05.000Z');
    assert.ok(message.mime.includes(text));
    // It came back into a mailbox that is archived: the next run sees the same message, and no second one.
    await run(id);
    await daemon.indexed(tenant);
    assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/search?q=${text}`, { token: tenant.officer })).total, 1);
  }
  await withManners();
});

test('only a compliance officer puts mail into another mailbox', async () => {
  const id = await profile({ name: 'elsewhere', mailboxes: { include: 'all' } });
  const { archive } = mailboxOf(await run(await profile({ name: 'one' })));
  const wanted = { profile: id, archive, archive_folder: 'Back', folder: 'Theirs', mailbox: other };
  assert.equal((await call(403, 'POST', 'restores', wanted)).code, 'denied');
  const begun = await call(202, 'POST', 'restores', wanted, tenant.officer);
  await until(async () => (await call(200, 'GET', `restores/${begun.id}`)).state !== 'running', 'the restore does not end');
  assert.equal((await items(other)).filter((one) => one.folder.startsWith('Theirs')).length, 4);
});
