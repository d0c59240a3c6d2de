// An Exchange Server at its worst: runs end honest, nothing is lost, nothing is there twice, and no request breaks a back-off or the schema.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { schemaFolder } from '../doubles/exchange/server.mjs';
import { Daemon, startDouble, until } from '../support/daemon.mjs';

const synthetic = { mailboxes: 2, messages: 300, folders: 3, mean_bytes: 6000, seed: 11 };
const [upn, other] = ['person0@synthetic.example', 'person1@synthetic.example'];
const daemon = new Daemon();
let double, tenant, profile;

before(async () => {
  double = await startDouble({ synthetic }, 'exchange');
  await daemon.start();
  tenant = await daemon.tenant('exchange');
  profile = await daemon.exchangeProfile(tenant, double.ready);
});
after(async () => { await daemon.remove(); double.stop(); });

const mailboxOf = async (mail) => (await double.admin('GET', '/mailboxes')).find((one) => one.mail === mail).items;
const isArchived = (one) => one.root === 'msgfolderroot' && !/^(Drafts|Junk Email|Outbox|Sync Issues)/u.test(one.folder) && !one.broken;
const truth = async () => new Set((await double.admin('GET', '/mailboxes')).flatMap((mailbox) => mailbox.items.filter(isArchived).map((one) => one.sha256)));

// What is missing from the archive, and what is in it twice.
async function compare(wanted) {
  await daemon.indexed(tenant);
  const copies = (await daemon.everything(tenant)).flatMap((one) => one.copy_ids);
  const there = new Set(copies);
  return { missing: [...wanted].filter((one) => !there.has(one)), twice: copies.filter((one, index) => copies.indexOf(one) !== index) };
}
const run = async () => daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
async function withManners() {
  const stats = await double.admin('GET', '/stats');
  assert.deepEqual(stats.early, []);
  assert.equal(stats.early_requests, 0);
  assert.ok(stats.max_concurrent <= 4, `${stats.max_concurrent} at once`);
  assert.equal(stats.over_limit, 0);
  assert.equal(stats.validating, schemaFolder() !== '', 'the schema is there and is not held against requests');
  assert.deepEqual(stats.violations, []);
  return stats;
}

test('a first run under the whole fault plan ends complete and with manners', async () => {
  await double.admin('POST', '/faults', [
    { match: 'request SyncFolderItems', kind: 'fault', code: 'ErrorServerBusy', back_off: 700, after: 1, count: 2 }, { match: 'request GetItem', kind: 'fault', code: 'ErrorServerBusy', back_off: 400, every: 17, count: 3 },
    { match: 'request GetItem', kind: '503', retry_after: '1', every: 13, count: 2 }, { match: 'request GetItem', kind: '503', every: 19, count: 1 }, { match: 'request GetItem', kind: 'reset', every: 11, count: 3 },
    { match: 'request GetItem', kind: 'truncate', every: 7, count: 3 }, { match: 'request SyncFolderItems', kind: 'truncate', clean: true, after: 2, count: 1 },
    { match: 'request GetItem', kind: 'fault', code: 'ErrorInternalServerTransientError', every: 23, count: 1 }, { match: 'request SyncFolderHierarchy', kind: 'fault', code: 'ErrorTimeoutExpired', after: 0, count: 1 },
    { match: 'request GetItem', kind: 'message', code: 'ErrorServerBusy', back_off: 300, every: 29, count: 1 }, { match: 'request GetFolder', kind: 'fault', code: 'ErrorMailboxStoreUnavailable', after: 0, count: 1 },
    { match: '^item', kind: 'item', code: 'ErrorServerBusy', back_off: 300, every: 97, count: 3 }, { match: '^item', kind: 'item', code: 'ErrorMailboxStoreUnavailable', stops: true, every: 71, count: 3 },
  ]);
  const ended = await run();
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended).slice(0, 3000));
  const stats = await withManners();
  assert.ok(stats.faults > 15, `only ${stats.faults} faults struck`);
  await double.admin('DELETE', '/faults');
  assert.deepEqual(await compare(await truth()), { missing: [], twice: [] });
});

test('the control: a message that is not archived is found missing', async () => {
  const { missing } = await compare(new Set([...(await truth()), 'f'.repeat(64)]));
  assert.deepEqual(missing, ['f'.repeat(64)]);
});

test('a second run costs requests in proportion to changes, and names the mailbox it routes to', async () => {
  await run();
  await double.admin('POST', '/stats/reset');
  await double.admin('POST', `/messages?upn=${upn}&folder=Inbox`, Buffer.from('Subject: one more\r\n\r\nx\r\n'));
  await run();
  const { requests, by_kind: kinds, anchors } = await withManners();
  assert.equal(kinds.GetItem, 1);
  assert.ok(requests < 60, `${requests} requests for one new message`);
  assert.ok(anchors[upn] > 0 && anchors[other] > 0);
  assert.deepEqual((await compare(await truth())).missing, []);
});

test('moved, deleted, renamed, read: everything stays, nothing is there twice', async () => {
  const before_ = await truth();
  const items = (await mailboxOf(upn)).filter(isArchived);
  await double.admin('POST', `/messages/move?upn=${upn}&id=${encodeURIComponent(items[0].id)}&folder=Kept`);
  await double.admin('DELETE', `/messages?upn=${upn}&id=${encodeURIComponent(items[1].id)}`);
  await double.admin('POST', `/messages/change?upn=${upn}&id=${encodeURIComponent(items[2].id)}`, { is_read: true });
  await double.admin('POST', `/folders/move?upn=${upn}&path=${encodeURIComponent('Inbox/Project 1')}&to=Renamed`);
  await double.admin('POST', '/stats/reset');
  const ended = await run();
  assert.match(ended.state, /^succeeded/u);
  assert.equal((await withManners()).by_kind.GetItem, 1, 'a rename or a read flag fetched messages again');
  assert.deepEqual(await compare(before_), { missing: [], twice: [] });
});

test('sync states that the server lost cost a listing, and no message again', async () => {
  await double.admin('POST', '/sync-state/evict');
  const gone = (await mailboxOf(upn)).find(isArchived);
  await double.admin('DELETE', `/messages?upn=${upn}&id=${encodeURIComponent(gone.id)}`);
  await double.admin('POST', '/stats/reset');
  const ended = await run();
  assert.equal(ended.state, 'succeeded_with_findings', JSON.stringify(ended).slice(0, 2000));
  assert.equal((await withManners()).by_kind.GetItem ?? 0, 0);
  assert.equal(ended.mailboxes.find((one) => one.upn === upn).vanished, 1);
  assert.deepEqual((await compare(await truth())).missing, []);
});

test('a mailbox that was migrated: all states and ids are new, and nothing is there twice', async () => {
  const before_ = await truth();
  await double.admin('POST', `/migrate?upn=${upn}`);
  const ended = await run();
  assert.match(ended.state, /^succeeded/u);
  await withManners();
  assert.deepEqual(await compare(before_), { missing: [], twice: [] });
});

test('a message that never converts is in quarantine with what Exchange tells of it; the others arrive', async () => {
  const made = await double.admin('POST', `/messages?upn=${upn}&folder=Inbox`, Buffer.from('Subject: unconvertible\r\n\r\nx\r\n'));
  await double.admin('POST', `/messages?upn=${upn}&folder=Inbox`, Buffer.from('Subject: its neighbour\r\n\r\nx\r\n'));
  await double.admin('POST', `/messages/break?upn=${upn}&id=${encodeURIComponent(made.id)}`, { code: 'ErrorContentConversionFailed' });
  const ended = await run();
  assert.equal(ended.state, 'succeeded_with_findings');
  assert.equal(ended.mailboxes.find((one) => one.upn === upn).quarantined, 1);
  assert.deepEqual((await compare(await truth())).missing, []);
});

test('MIME that differs at every download is one message, not two', async () => {
  await double.admin('POST', '/rewrite', { on: true });
  await double.admin('POST', `/messages?upn=${upn}&folder=Inbox`, Buffer.from('Subject: made anew\r\nMessage-ID: <anew@synthetic.example>\r\nDate: Tue, 3 Nov 2026 10:00:00 +0000\r\n\r\nalways the same text\r\n'));
  await run();
  await double.admin('POST', `/migrate?upn=${upn}`);
  await run();
  await double.admin('POST', '/rewrite', { on: false });
  await daemon.indexed(tenant);
  const found = await daemon.expect(200, 'GET', `${tenant.at}/search?q=${encodeURIComponent('subject:"made anew"')}`, { token: tenant.officer });
  assert.equal(found.total, 1);
});

test('one mailbox denied, one that disappears: each is named, and the other is done', async () => {
  await double.admin('POST', `/users/state?upn=${upn}`, { denied: true });
  let ended = await run();
  let states = Object.fromEntries(ended.mailboxes.map((one) => [one.upn, one.state]));
  assert.deepEqual(states, { [upn]: 'failed', [other]: 'done' });
  assert.match(ended.mailboxes.find((one) => one.upn === upn).error, /ApplicationImpersonation/u);
  await double.admin('POST', `/users/state?upn=${upn}`, { denied: false, gone: true });
  ended = await run();
  states = Object.fromEntries(ended.mailboxes.map((one) => [one.upn, one.state]));
  assert.equal(states[other], 'done');
  assert.match(states[upn], /^(failed|skipped)$/u);
  await double.admin('POST', `/users/state?upn=${upn}`, { gone: false, moving: true });
  ended = await run();
  assert.match(ended.mailboxes.find((one) => one.upn === upn).error, /being moved/u);
  await double.admin('POST', `/users/state?upn=${upn}`, { moving: false });
  assert.match((await run()).state, /^succeeded/u);
});

test('NTLM signs in; a wrong password and Extended Protection are said', async () => {
  const ntlm = await daemon.exchangeProfile(tenant, double.ready, { credential: await daemon.exchangeCredential(tenant, double.ready, { auth: 'ntlm' }), mailboxes: { include: [other] } });
  const ended = await daemon.runEnds(tenant, await daemon.startRun(tenant, ntlm));
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended).slice(0, 2000));
  assert.ok((await double.admin('GET', '/stats')).auth.ntlm > 0);
  await double.admin('POST', '/auth', { extended_protection: true });
  const refused = await daemon.runEnds(tenant, await daemon.startRun(tenant, ntlm));
  await double.admin('POST', '/auth', { extended_protection: false });
  assert.equal(refused.state, 'failed');
  assert.match(JSON.stringify(refused), /Extended Protection/u);
  const wrong = await daemon.exchangeProfile(tenant, double.ready, { credential: await daemon.exchangeCredential(tenant, double.ready, { password: 'wrong' }) });
  const failed = await daemon.runEnds(tenant, await daemon.startRun(tenant, wrong));
  assert.equal(failed.state, 'failed');
  assert.match(failed.error, /password/u);
});

test('a run that is killed goes on, and what was acknowledged is there once', async () => {
  await double.admin('POST', '/delay', { milliseconds: 20 });
  const crashed = await daemon.tenant('ews-crashed');
  const again = await daemon.exchangeProfile(crashed, double.ready);
  const first = await daemon.startRun(crashed, again);
  for (let round = 0; round < 4; ++round) {
    const so_far = async () => (await daemon.expect(200, 'GET', `${crashed.at}/runs/${first}`, { token: crashed.admin })).mailboxes.reduce((sum, one) => sum + one.seen, 0);
    await until(async () => (await so_far()) > 20 * round, 'the run does not go on');
    await daemon.stop('SIGKILL');
    await daemon.start();
  }
  await double.admin('POST', '/delay', { milliseconds: 0 });
  assert.match((await daemon.runEnds(crashed, first)).state, /^succeeded/u);
  tenant = crashed;
  assert.deepEqual(await compare(await truth()), { missing: [], twice: [] });
});
