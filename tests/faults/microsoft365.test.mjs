// What a source does to those who read it: every listed answer, other data centres, mailboxes that disappear, MIME that is never the same
// twice, items that cannot be converted, and a daemon that is killed while it removes mail at the source.
//   KOPIAL_FAULT_KILLS (8): how often the daemon is killed while it removes mail.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon, startDouble, until } from '../support/daemon.mjs';

const kills = Number(process.env.KOPIAL_FAULT_KILLS ?? 8);
const synthetic = { mailboxes: 3, messages: 120, folders: 3, mean_bytes: 4000, seed: 11 };
const [first, second] = ['person0@synthetic.example', 'person1@synthetic.example'];
const daemon = new Daemon();
let double, tenant, profile;

before(async () => {
  double = await startDouble({ synthetic });
  await daemon.start();
  tenant = await daemon.tenant('faults365');
  profile = await daemon.graphProfile(tenant, double.ready);
});
after(async () => { await daemon.remove(); double.stop(); });

const run = async (options = {}, at = tenant, id = profile) => daemon.runEnds(at, (await daemon.expect(202, 'POST', `${at.at}/profiles/${id}/runs`, { token: at.admin, json: options })).id);
const row = (ended, upn) => ended.mailboxes.find((one) => one.upn === upn);
const subjects = async (at = tenant) => { await daemon.indexed(at); return (await daemon.everything(at)).length; };
const mailboxes = () => double.admin('GET', '/mailboxes');
const ids = async (upn) => (await mailboxes()).find((one) => one.upn === upn).messages.map((one) => one.id);

test('every listed answer on the way: the run ends complete, with manners', async () => {
  const plan = [];
  for (const [index, kind] of ['429', '500', '502', '503', '504', '509', 'reset', 'truncate', '401'].entries()) plan.push({ match: 'value', kind, every: 29 + 6 * index, ...(kind === '429' ? { retry_after: '0.5' } : {}) });
  plan.push({ match: 'messages/delta', kind: '503', retry_after: { date: 1 }, after: 2, count: 1 }, { match: 'messages/delta', kind: '410', after: 5, count: 1 }, { match: 'messages/delta', kind: 'truncate', clean: true, after: 6, count: 1 },
    { match: 'mailFolders/delta', kind: '504', count: 1 }, { match: 'messages[?].*top=1000', kind: 'truncate', clean: true, count: 1 }, { match: 'messages[?].*top=1000', kind: '429', retry_after: '1', after: 2, count: 1 });
  await double.admin('POST', '/faults', plan);
  await double.admin('POST', '/stats/reset');
  const ended = await run();
  const stats = await double.admin('GET', '/stats');
  await double.admin('DELETE', '/faults');
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended));
  assert.ok(ended.mailboxes.every((one) => one.complete), JSON.stringify(ended));
  assert.ok(stats.faults > 20, `only ${stats.faults} faults struck`);
  assert.deepEqual([stats.early, stats.over_limit], [[], 0]);
  assert.equal(await subjects(), 360);
});

test('another data centre: all cursors and all ids are new, nothing is lost, nothing is there twice', async () => {
  await double.admin('POST', `/mailbox/migrate?upn=${first}`, { new_ids: true });
  const ended = await run({ reconcile: true });
  assert.ok(row(ended, first).findings.some((one) => /sync state/u.test(one)), JSON.stringify(ended));
  assert.equal(row(ended, first).complete, true, JSON.stringify(ended));
  assert.equal(await subjects(), 360);
});

test('MIME that differs at each download: the same messages, however often they come', async () => {
  await double.admin('POST', '/mime', { vary: true });
  await double.admin('POST', `/mailbox/migrate?upn=${second}`, { new_ids: true });
  const ended = await run({ reconcile: true });
  await double.admin('POST', '/mime', { vary: false });
  assert.equal(row(ended, second).complete, true, JSON.stringify(ended));
  assert.equal(await subjects(), 360);
});

test('a message that always fails conversion lies in quarantine with what is known of it, and is not asked for again', async () => {
  const { id } = await double.admin('POST', `/messages?upn=${first}&folder=Inbox`, Buffer.from('Subject: odd\r\n\r\nx\r\n'));
  await double.admin('POST', `/messages/state?upn=${first}&id=${encodeURIComponent(id)}`, { fails: { status: 500, code: 'ErrorMimeContentConversionFailed' } });
  const ended = await run({ reconcile: true });
  assert.equal(row(ended, first).quarantined, 1);
  assert.equal(row(ended, first).complete, true, 'it is explained');
  const items = (await daemon.expect(200, 'GET', `${tenant.at}/quarantine?limit=100`, { token: tenant.admin })).items;
  assert.equal(items.length, 1, JSON.stringify(items));
  await double.admin('POST', '/sync-state/evict');
  await double.admin('POST', '/stats/reset');
  await run({ reconcile: true });
  assert.equal((await double.admin('GET', '/stats')).by_kind.value ?? 0, 0, 'nothing is fetched again');
  const made = (await daemon.expect(200, 'GET', `${tenant.at}/reports/completeness?mailbox=${first}`, { token: tenant.admin })).items[0].statement;
  assert.deepEqual([made.quarantined, made.quarantined_items.length], [1, 1]);
  assert.match(made.quarantined_items[0].reason, /ErrorMimeContentConversionFailed/u);
});

test('a mailbox that disappears is named, stays archived, and keeps nobody waiting', async () => {
  await double.admin('POST', `/users/state?upn=${second}`, { gone: true });
  const ended = await run();
  assert.equal(row(ended, second).state, 'skipped');
  assert.match(row(ended, second).findings.join(), /was archived before, and is gone/u);
  assert.equal(row(ended, first).state, 'done');
  assert.deepEqual(row(await run(), second).findings, [], 'it is said once');
  await double.admin('POST', `/users/state?upn=${second}`, { gone: false });
  assert.equal(row(await run(), second).state, 'done');
  assert.equal(await subjects(), 360);
});

test('a user that the directory has no more is named once, and his archive stays', async () => {
  await double.admin('POST', `/users/state?upn=${second}`, { removed: true });
  const ended = await run();
  assert.deepEqual([row(ended, second).state, row(ended, first).state, ended.state], ['skipped', 'done', 'succeeded_with_findings'], JSON.stringify(ended));
  assert.match(row(ended, second).error, /does not list this mailbox any more/u);
  assert.equal(row(await run(), second), undefined, 'it is said once');
  await double.admin('POST', `/users/state?upn=${second}`, { removed: false });
  assert.equal(row(await run(), second).state, 'done');
  assert.equal(await subjects(), 360);
});

test(`killed ${kills} times while mail is removed at the source: nothing goes that is not archived`, async () => {
  const at = await daemon.tenant('removing');
  const id = await daemon.graphProfile(at, double.ready);
  const wanted = new Map((await mailboxes()).flatMap((one) => one.messages.map((message) => [`${one.upn} ${message.sha256}`, message.sha256])));
  await daemon.expect(200, 'PATCH', `${at.at}/profiles/${id}`, { token: at.admin, json: { reconcile_every: null, after_archiving: { action: 'delete', older_than: '0s', share_max: 100 } } });
  await double.admin('POST', '/delay', { milliseconds: 5 });
  const deletions = async () => (await mailboxes()).reduce((sum, one) => sum + one.messages.filter((message) => message.folder.startsWith('Recoverable')).length, 0);
  const finished = async () => (await daemon.expect(200, 'GET', `${at.at}/profiles/${id}/runs`, { token: at.admin })).items.every((one) => !['queued', 'running'].includes(one.state));
  await daemon.expect(202, 'POST', `${at.at}/profiles/${id}/runs`, { token: at.admin, json: {} });
  for (let round = 0; round < kills && !(await finished()); ++round) {
    const before_ = await deletions();
    await until(async () => (await deletions()) > before_ + 5 || (await finished()), 'nothing is removed', 120);
    await daemon.stop('SIGKILL');
    await daemon.start();
  }
  await until(finished, 'the run does not end', 120);
  await double.admin('POST', '/delay', { milliseconds: 0 });
  await run({}, at, id);
  await daemon.indexed(at);
  const archived = new Set((await daemon.everything(at)).flatMap((one) => one.copy_ids));
  const still = new Set((await mailboxes()).flatMap((one) => one.messages.filter((message) => !message.folder.startsWith('Recoverable')).map((message) => `${one.upn} ${message.sha256}`)));
  const removed = [...wanted].filter(([key]) => !still.has(key));
  assert.ok(removed.length >= 340, `only ${removed.length} were removed`);
  assert.deepEqual(removed.filter(([, hash]) => !archived.has(hash)).map(([key]) => key), [], 'removed and not archived');
  // The control: had one been removed that is not archived, it would be found.
  assert.equal([...removed, ['control', 'f'.repeat(64)]].filter(([, hash]) => !archived.has(hash)).length, 1);
});

test('killed while mail is put back: each message is there once', async () => {
  const ended = await run();
  const archive = row(ended, first).archive;
  await double.admin('POST', '/delay', { milliseconds: 20 });
  const begun = await daemon.expect(202, 'POST', `${tenant.at}/restores`, { token: tenant.admin, json: { profile, archive, archive_folder: 'Inbox', folder: 'Back' } });
  const now = () => daemon.expect(200, 'GET', `${tenant.at}/restores/${begun.id}`, { token: tenant.admin });
  const back = async () => (await mailboxes()).find((one) => one.upn === first).messages.filter((one) => /^Back/u.test(one.folder)).length;
  for (let round = 0; round < 4; ++round) {
    const so_far = await back();
    await until(async () => (await back()) > so_far + 2 || (await now()).state !== 'running', 'nothing comes back');
    await daemon.stop('SIGKILL');
    await daemon.start();
  }
  await double.admin('POST', '/delay', { milliseconds: 0 });
  const done = await until(async () => { const one = await now(); return one.state !== 'running' && one; }, 'the restore does not end', 120);
  assert.deepEqual([done.state, done.restored], ['succeeded', done.total], JSON.stringify(done));
  assert.ok(done.total > 20, `only ${done.total} were wanted`);
  assert.equal(await back(), done.total);
});
