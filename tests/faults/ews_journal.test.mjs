// Journal mailboxes and public folders of an Exchange, and where their mail goes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Daemon, startDouble } from '../support/daemon.mjs';

const daemon = new Daemon();
let double, tenant;
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

before(async () => {
  double = await startDouble({ synthetic: { mailboxes: 2, messages: 5, folders: 1, mean_bytes: 500, seed: 3 } }, 'exchange');
  await daemon.start();
  tenant = await daemon.tenant('journal');
});
after(async () => { await daemon.remove(); double.stop(); });

const get = (path, token = tenant.officer) => daemon.expect(200, 'GET', `${tenant.at}${path}`, { token });
const archives = async () => Object.fromEntries((await get('/archives', tenant.admin)).items.map((one) => [one.display_name, one]));
const inArchive = async (id) => {
  await daemon.indexed(tenant);
  return (await get(`/search?q=&limit=1000&archive=${id}`)).items.flatMap((one) => one.copy_ids);
};
const run = async (profile) => daemon.runEnds(tenant, await daemon.startRun(tenant, profile));

const original = Buffer.from('From: Dan <dan@elsewhere.example>\r\nTo: ann@journal.example\r\nSubject: Quarterly figures\r\nMessage-ID: <q3@elsewhere.example>\r\nDate: Tue, 10 Nov 2026 09:12:33 +0000\r\n\r\nThe figures.\r\n');
const report = (number, lines) => Buffer.concat([Buffer.from(`From: <MicrosoftExchange329e@journal.example>\r\nTo: <journal@journal.example>\r\nSubject: Quarterly figures\r\nMessage-ID: <report${number}@journal.example>\r\n` +
  `Date: Tue, 10 Nov 2026 09:12:34 +0000\r\nMIME-Version: 1.0\r\nX-MS-Journal-Report:\r\nContent-Type: multipart/mixed; boundary="=j"\r\n\r\n--=j\r\nContent-Type: text/plain; charset="us-ascii"\r\n\r\n` +
  `Sender: dan@elsewhere.example\r\nSubject: Quarterly figures\r\nMessage-Id: <q3@elsewhere.example>\r\n${lines.map((one) => `${one}\r\n`).join('')}\r\n--=j\r\nContent-Type: message/rfc822\r\n\r\n`), original, Buffer.from('\r\n--=j--\r\n')]);

test('the original of journal reports lies in the archives of those who had the address then; the reports stay byte for byte', async () => {
  const person = async (username, address, from, until) => {
    const { user } = await daemon.expect(201, 'POST', `${tenant.at}/users`, { token: tenant.admin, json: { username, display_name: username, roles: ['user'], addresses: [{ address, valid_from: from, valid_until: until }] } }).then((made) => ({ user: made }));
    const made = await daemon.expect(201, 'POST', `${tenant.at}/archives`, { token: tenant.admin, json: { kind: 'person', display_name: username, owner_user: user.id, addresses: [] } });
    return made.id;
  };
  // The address ann@ was given to another person in 2025; bea@ is a blind copy; the list led to cem@.
  const former = await person('former-ann', 'ann@journal.example', '2020-01-01T00:00:00Z', '2025-01-01T00:00:00Z');
  const ann = await person('ann', 'ann@journal.example', '2025-01-01T00:00:00Z', null);
  const bea = await person('bea', 'bea@journal.example', null, null);
  const cem = await person('cem', 'cem@journal.example', null, null);
  // Two reports of one message, each with a part of its recipients.
  const reports = [report(1, ['Recipient: ANN@journal.example', 'Bcc: bea@journal.example']), report(2, ['To: ann@journal.example', 'To: cem@journal.example, Expanded: everybody@journal.example'])];
  const stray = Buffer.from('From: x@y.example\r\nSubject: no report\r\n\r\nstray\r\n');
  for (const bytes of [...reports, stray]) await double.admin('POST', '/messages?upn=person0@synthetic.example&folder=Inbox&received=2026-11-10T09:12:40Z', bytes);
  const profile = await daemon.exchangeProfile(tenant, double.ready, { kind: 'ews_journal', mailboxes: { include: ['person0@synthetic.example'] } });
  const ended = await run(profile);
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended).slice(0, 2000));
  for (const id of [ann, bea, cem]) assert.deepEqual(await inArchive(id), [sha256(original)]);
  assert.deepEqual(await inArchive(former), []);
  // Both reports, merged: who got it, how, and through what; told to officers only.
  const [hit] = (await get(`/search?q=&archive=${bea}`)).items;
  const envelope = await get(`/messages/${hit.message_id}/envelope`);
  assert.deepEqual(envelope.recipients.map((one) => [one.address.toLowerCase(), one.field, one.expanded_from]).sort(), [['ann@journal.example', 'to', null], ['bea@journal.example', 'bcc', null], ['cem@journal.example', 'to', 'everybody@journal.example']]);
  assert.deepEqual([envelope.sender, envelope.reports.sort()], ['dan@elsewhere.example', reports.map(sha256).sort()]);
  assert.equal((await daemon.call('GET', `${tenant.at}/messages/${hit.message_id}/envelope`, { token: tenant.admin })).status, 403);
  const journal = Object.values(await archives()).find((one) => one.kind === 'journal');
  const kept = await inArchive(journal.id);
  for (const bytes of [...reports, stray]) assert.ok(kept.includes(sha256(bytes)), 'a report is not there byte for byte');
  assert.equal(ended.mailboxes[0].archived, kept.length, 'originals are counted as mail of the journal');
  // Again from the beginning: nothing is there twice.
  await double.admin('POST', '/sync-state/evict');
  await run(profile);
  for (const id of [ann, bea, cem]) assert.equal((await get(`/archives/${id}`, tenant.admin)).messages, 1);
});

test('each public folder has an archive of its own, follows its watermark and notices what has gone', async () => {
  const add = (folder, text) => double.admin('POST', `/public-messages?folder=${encodeURIComponent(folder)}`, Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`));
  await add('Projects', 'one');
  await add('Projects/Alpha', 'two');
  const third = await add('Projects/Alpha', 'three');
  const credential = await daemon.exchangeCredential(tenant, double.ready, { autodiscover: double.ready.origin });
  const profile = await daemon.exchangeProfile(tenant, double.ready, { kind: 'ews_public_folders', credential });
  let ended = await run(profile);
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended).slice(0, 2000));
  assert.deepEqual(ended.mailboxes.map((one) => [one.upn, one.archived]).sort(), [['Projects', 1], ['Projects/Alpha', 2]]);
  const named = await archives();
  assert.equal(named['Public folder Projects/Alpha'].messages, 2);
  assert.equal(named['Public folder Projects/Alpha'].kind, 'shared');
  const { anchors } = await double.admin('GET', '/stats');
  assert.ok(anchors['publicfolders1@double.example'] > 0, 'requests are not routed to the mailbox that holds the folders');
  await double.admin('POST', '/stats/reset');
  await add('Projects/Alpha', 'four');
  await double.admin('DELETE', `/public-messages?id=${encodeURIComponent(third.id)}`);
  ended = await run(profile);
  const alpha = ended.mailboxes.find((one) => one.upn === 'Projects/Alpha');
  assert.equal(alpha.archived, 1);
  const stats = await double.admin('GET', '/stats');
  assert.equal(stats.by_kind.GetItem, 1);
  assert.equal(stats.by_kind.SyncFolderItems, undefined);
  assert.deepEqual(stats.violations, []);
  await double.admin('DELETE', `/public-messages?id=${encodeURIComponent((await double.admin('GET', '/public-folders')).find((one) => one.folder === 'Projects/Alpha').id)}`);
  ended = await run(profile);
  assert.equal(ended.mailboxes.find((one) => one.upn === 'Projects/Alpha').vanished > 0, true);
});

test('Autodiscover finds the address of EWS, and says when a mailbox lies in Microsoft 365', async () => {
  const credential = await daemon.exchangeCredential(tenant, double.ready, { ews_url: '', autodiscover: double.ready.origin });
  await double.admin('POST', '/users/state?upn=person1@synthetic.example', { remote: 'person1@synthetic.mail.onmicrosoft.com' });
  const profile = await daemon.exchangeProfile(tenant, double.ready, { credential, mailboxes: { include: ['person0@synthetic.example', 'person1@synthetic.example', 'nobody@synthetic.example'] } });
  const ended = await run(profile);
  await double.admin('POST', '/users/state?upn=person1@synthetic.example', { remote: '' });
  const by = Object.fromEntries(ended.mailboxes.map((one) => [one.upn, one]));
  assert.equal(by['person0@synthetic.example'].state, 'done', JSON.stringify(ended).slice(0, 2000));
  assert.match(by['person1@synthetic.example'].error, /Microsoft 365/u);
  assert.equal(by['nobody@synthetic.example'].state, 'skipped');
  assert.match(by['nobody@synthetic.example'].findings.join(), /the profile names this mailbox/u);
});
