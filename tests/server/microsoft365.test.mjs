// Microsoft 365 as an administrator meets it: signing in with a certificate, being told what to mend, profiles with all their options,
// reconciliation, removal at the source, and mail put back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Daemon, startDouble, until } from '../support/daemon.mjs';

const organisation = new URL('../../packaging/sample', import.meta.url).pathname;
const [anna, shared, onPremises] = ['anna.kranich', 'rechnungen', 'werkstatt-saal'].map((name) => `${name}@orgelbau-kranich.example`);
const daemon = new Daemon();
let double, tenant, credential;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const mail = (subject, text = 'text') => Buffer.from(`From: Writer <w@example.org>\r\nTo: <${anna}>\r\nSubject: ${subject}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${subject.replace(/\W/gu, '-')}@example.org>\r\n\r\n${text}\r\n`);
const call = (status, method, path, json, token = tenant.admin) => daemon.expect(status, method, `${tenant.at}/${path}`, { token, json });
const profile = async (more) => (await call(201, 'POST', 'profiles', { name: 'p', kind: 'graph', credential, mailboxes: { include: [anna] }, ...more })).id;
const run = async (id, options = {}) => daemon.runEnds(tenant, (await call(202, 'POST', `profiles/${id}/runs`, options)).id);
const mailboxOf = (ended, upn = anna) => ended.mailboxes.find((one) => one.upn === upn);
const truth = async (upn = anna) => (await double.admin('GET', '/mailboxes')).find((one) => one.upn === upn).messages;
const statement = async (id) => (await call(200, 'GET', `reports/completeness?profile=${id}`)).items[0].statement;
const step = (check, name) => check.steps.find((one) => one.name === name);

before(async () => {
  double = await startDouble({ organisation });
  await daemon.start();
  tenant = await daemon.tenant('m365');
  const { ready } = double;
  ({ id: credential } = await call(201, 'POST', 'credentials', { kind: 'entra_app', directory_id: ready.directory_id, client_id: ready.client_id, client_secret: ready.client_secret, authority: ready.url, graph_url: ready.url, ca_pem: readFileSync(ready.ca_file, 'utf8') }));
});
after(async () => { await daemon.remove(); double.stop(); });

test('a check says what works, and each missing permission with its mend', async () => {
  const good = await call(200, 'POST', `credentials/${credential}/check`, {});
  assert.equal(good.works, true, JSON.stringify(good));
  assert.equal(good.organisation, double.ready.display_name);
  assert.deepEqual(['sign_in', 'directory', 'mailboxes', 'message', 'mailbox_settings', 'write', 'in_place_archive'].map((name) => step(good, name).state), Array(7).fill('good'), JSON.stringify(good.steps));
  assert.equal(step(good, 'expiry').state, 'unknown');

  const permissions = (list) => double.admin('POST', '/permissions', list);
  const missing = async (list) => { await permissions(list); return call(200, 'POST', `credentials/${credential}/check`, {}); };
  const basic = await missing(['User.Read.All', 'Mail.ReadBasic.All']);
  assert.equal(basic.works, false);
  assert.match(step(basic, 'message').mend, /Mail\.Read is missing/u);
  const reader = await missing(['User.Read.All', 'Mail.Read', 'Application.Read.All']);
  assert.equal(reader.works, true);
  assert.equal(step(reader, 'write').state, 'limited');
  assert.match(step(reader, 'mailbox_settings').mend, /MailboxSettings\.Read/u);
  assert.match(step(await missing(['Mail.Read']), 'directory').mend, /User\.Read\.All/u);
  await permissions(['User.Read.All', 'Organization.Read.All', 'MailboxSettings.Read', 'Mail.ReadWrite', 'Application.Read.All']);
  await double.admin('POST', '/secrets', [{ hint: double.ready.client_secret.slice(0, 3), endDateTime: new Date(Date.now() + 5 * 864e5).toISOString() }, { hint: 'zzz', endDateTime: '2020-01-01T00:00:00Z' }]);
  const expiring = step(await call(200, 'POST', `credentials/${credential}/check`, {}), 'expiry');
  assert.equal(expiring.state, 'limited');
  assert.match(expiring.mend, /within [45] days/u);
});

test('an access policy is found out by trying', async () => {
  await double.admin('POST', `/users/state?upn=${anna}`, { policy: true });
  const one = step(await call(200, 'POST', `credentials/${credential}/check`, { mailbox: anna }), 'mailboxes');
  assert.equal(one.state, 'failed');
  assert.match(one.mend, /application access policy/u);
  const all = step(await call(200, 'POST', `credentials/${credential}/check`, {}), 'mailboxes');
  assert.equal(all.state, 'limited');
  await double.admin('POST', `/users/state?upn=${anna}`, { policy: false });
});

test('every refusal of Entra becomes the one thing to mend', async () => {
  for (const [code, error, pattern] of [[7000222, 'invalid_client', /has expired; make a new one/u], [700016, 'unauthorized_client', /application \(client\) id is not known/u],
    [7000229, 'unauthorized_client', /admin consent/u], [53003, 'interaction_required', /Conditional Access blocks/u], [90002, 'invalid_request', /tenant\) id is not known/u]]) {
    await double.admin('POST', '/sign-in', { status: 400, error, code });
    const found = await call(200, 'POST', `credentials/${credential}/check`, {});
    assert.match(step(found, 'sign_in').detail, pattern);
    assert.equal(found.works, false);
    assert.equal(found.steps.some((one) => one.name === 'mailboxes'), false);
  }
  await double.admin('POST', '/sign-in', {});
});

test('a key made here signs in as soon as its certificate is uploaded', async () => {
  const changed = await call(200, 'PATCH', `credentials/${credential}`, { make_certificate: true });
  assert.equal(changed.signs_in_with, 'secret');
  assert.match(changed.waiting_certificate.thumbprint, /^[0-9A-F]{40}$/u);
  assert.equal(JSON.stringify(changed).includes('PRIVATE KEY'), false);
  assert.equal((await call(200, 'POST', `credentials/${credential}/check`, {})).waiting_certificate_taken, false);
  await double.admin('POST', '/certificates', Buffer.from(changed.waiting_certificate.certificate_pem));
  const taken = await call(200, 'POST', `credentials/${credential}/check`, {});
  assert.equal(taken.waiting_certificate_taken, true);
  assert.equal(step(taken, 'sign_in').detail, 'signed in with the certificate');
  assert.deepEqual((await double.admin('GET', '/assertions')).at(-1), { alg: 'PS256', header: 'x5t#S256' });
  await call(200, 'PATCH', `credentials/${credential}`, { assertion: 'RS256' });
  assert.equal((await call(200, 'POST', `credentials/${credential}/check`, {})).works, true);
  assert.deepEqual((await double.admin('GET', '/assertions')).at(-1), { alg: 'RS256', header: 'x5t' });
  await call(200, 'PATCH', `credentials/${credential}`, { assertion: 'PS256' });
  // The control: one that is not registered is refused, and said so.
  await double.admin('DELETE', '/certificates');
  assert.match(step(await call(200, 'POST', `credentials/${credential}/check`, {}), 'sign_in').detail, /does not know this certificate/u);
  await double.admin('POST', '/certificates', Buffer.from(changed.waiting_certificate.certificate_pem));
});

test('everybody: people and shared mailboxes are archived, a mailbox on premises is named and no failure', async () => {
  const ended = await run(await profile({ mailboxes: { include: 'all' } }));
  assert.equal(mailboxOf(ended, onPremises).state, 'skipped');
  assert.match(mailboxOf(ended, onPremises).error, /on-premises/u);
  assert.equal(mailboxOf(ended, shared).state, 'done');
  const archives = (await call(200, 'GET', 'archives?limit=1000')).items;
  assert.equal(archives.find((one) => one.id === mailboxOf(ended, shared).archive).kind, 'shared');
  assert.ok(ended.mailboxes.filter((one) => one.state === 'done').every((one) => one.complete === true), JSON.stringify(ended));
});

test('in-place archives and recoverable items are further folders of the one archive', async () => {
  await double.admin('POST', `/messages?upn=${anna}&folder=Projekte&archive`, mail('from the in-place archive'));
  await double.admin('POST', `/messages?upn=${anna}&folder=recoverableitemsdeletions`, mail('from the deletions'));
  const ended = await run(await profile({ in_place_archives: true, recoverable_items: true }));
  assert.equal(ended.mailboxes.length, 2, JSON.stringify(ended));
  assert.ok(ended.mailboxes.every((one) => one.complete === true), JSON.stringify(ended));
  assert.equal(ended.mailboxes[0].archive, ended.mailboxes[1].archive);
  const folders = (await call(200, 'GET', `archives/${ended.mailboxes[0].archive}/folders`, undefined, tenant.officer)).items.map((one) => one.folder ?? one.path ?? one.name);
  assert.ok(folders.includes('In-Place Archive/Projekte') && folders.includes('Recoverable Items/Deletions'), JSON.stringify(folders));
});

test('a folder that has moved to an auxiliary archive is a gap, and the mailbox is not complete', async () => {
  const id = await profile({ name: 'gap' });
  await double.admin('POST', `/folders/state?upn=${anna}&path=Gone%20elsewhere`, { moved: true });
  const ended = await run(id);
  assert.equal(ended.state, 'succeeded_with_findings');
  assert.equal(mailboxOf(ended).complete, false);
  assert.deepEqual((await statement(id)).gaps.map((one) => one.folder), ['Gone elsewhere']);
  await double.admin('DELETE', `/folders?upn=${anna}&path=Gone%20elsewhere`);
});

test('reconciliation finds each of 100 messages that no delta tells of', async () => {
  const id = await profile({ name: 'reconciled' });
  await run(id);
  for (let n = 0; n < 100; ++n) await double.admin('POST', `/messages?upn=${anna}&folder=Inbox&hidden`, mail(`hidden ${n}`));
  assert.equal(mailboxOf(await run(id)).archived, 0, 'the control: delta must not tell of them');
  const ended = await run(id, { reconcile: true });
  assert.equal(mailboxOf(ended).archived, 100);
  assert.equal(mailboxOf(ended).complete, true);
  const made = await statement(id);
  assert.equal(made.found_by_comparison, 100);
  assert.equal(made.at_source, made.archived + made.quarantined);
  const [{ text, digest }] = (await call(200, 'GET', `reports/completeness?profile=${id}`)).items;
  assert.equal(sha256(text), digest);
  assert.ok((await call(200, 'GET', 'audit?limit=1000')).items.some((one) => one.action === 'completeness.statement' && one.object === digest));
});

test('what goes unheard is found gone, stays archived, and is no gap', async () => {
  const id = await profile({ name: 'vanishing' });
  await run(id);
  const { id: item } = await double.admin('POST', `/messages?upn=${anna}&folder=Inbox&hidden`, mail('comes and goes'));
  await run(id, { reconcile: true });
  await double.admin('DELETE', `/messages?upn=${anna}&id=${encodeURIComponent(item)}`);
  const ended = await run(id, { reconcile: true });
  assert.equal(mailboxOf(ended).vanished, 1);
  assert.equal((await statement(id)).complete, true);
  await daemon.indexed(tenant);
  assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/search?q=${encodeURIComponent('"comes and goes"')}`, { token: tenant.officer })).total, 1);
});

test('unread mail waits when the profile says so', async () => {
  const id = await profile({ name: 'read only', unread: false });
  await run(id);
  const { id: item } = await double.admin('POST', `/messages?upn=${anna}&folder=Inbox`, mail('not read yet'));
  assert.equal(mailboxOf(await run(id, { reconcile: true })).archived, 0);
  const left = (await statement(id)).unread_left_out;
  assert.ok(left > 0);
  await double.admin('PATCH', `/messages?upn=${anna}&id=${encodeURIComponent(item)}`, { isRead: true });
  assert.equal(mailboxOf(await run(id)).archived, 1);
});

test('after archiving: the plan is shown, a share too large stops everything, and only what is archived goes', async () => {
  for (let n = 0; n < 30; ++n) await double.admin('POST', `/messages?upn=${anna}&folder=Old&received=2020-01-0${1 + (n % 9)}T00:00:00Z`, mail(`old ${n}`));
  await double.admin('POST', `/messages?upn=${anna}&folder=Old&received=2020-01-01T00:00:00Z&flagged`, mail('flagged and old'));
  const id = await profile({ name: 'remover', folders: { include: ['Old'] }, after_archiving: { action: 'delete', older_than: '365d' } });
  await call(200, 'PATCH', `profiles/${id}`, { after_archiving: { action: 'keep' } });
  await run(id);
  await call(200, 'PATCH', `profiles/${id}`, { after_archiving: { action: 'delete', older_than: '365d' } });
  const plan = await call(200, 'POST', `profiles/${id}/preview`, { mailbox: anna });
  assert.deepEqual([plan.listed, plan.would_go, plan.flagged, plan.stopped], [31, 30, 1, true], JSON.stringify(plan));
  const stopped = mailboxOf(await run(id));
  assert.equal(stopped.removed_at_source, 0);
  assert.match(stopped.findings.join(), /30 of 31 messages \(96 %\) would go/u);
  await call(200, 'PATCH', `profiles/${id}`, { after_archiving: { action: 'delete', older_than: '365d', share_max: 100 } });
  const { id: edited } = (await truth()).find((one) => one.folder === 'Old');
  await double.admin('PATCH', `/messages?upn=${anna}&id=${encodeURIComponent(edited)}`, { isRead: true });
  const done = mailboxOf(await run(id));
  assert.equal(done.removed_at_source, 30, JSON.stringify(done));
  const left = (await truth()).filter((one) => one.folder === 'Old');
  assert.equal(left.length, 1, 'the flagged one stays');
  await daemon.indexed(tenant);
  assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/search?q=${encodeURIComponent('subject:old folder:Old')}`, { token: tenant.officer })).total >= 30, true);
});

test('mail comes back into its mailbox: text, attachments large and small, dates; what is lost is said', async () => {
  const big = Buffer.alloc(4 << 20, 'x'), small = Buffer.from('%PDF small');
  const part = (name, bytes) => `--b\r\nContent-Type: application/pdf; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${bytes.toString('base64').replace(/.{76}/gu, '$&\r\n')}\r\n`;
  const raw = Buffer.from(`From: Writer <w@example.org>\r\nTo: Anna <${anna}>\r\nSubject: =?utf-8?Q?Orgelpfeife_gro=C3=9F?=\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <restored@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
    `--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nPfeifenwerk\r\n${part('small.pdf', small)}${part('big.pdf', big)}--b--\r\n`);
  const { id: lost } = await double.admin('POST', `/messages?upn=${anna}&folder=Inbox&received=2026-03-02T10:00:05Z`, raw);
  const id = await profile({ name: 'restoring' });
  const { archive } = mailboxOf(await run(id));
  await double.admin('DELETE', `/messages?upn=${anna}&id=${encodeURIComponent(lost)}`);
  await daemon.indexed(tenant);
  const [hit] = (await daemon.expect(200, 'GET', `${tenant.at}/search?q=Pfeifenwerk`, { token: tenant.officer })).items;
  const wanted = { profile: id, archive, messages: [hit.message_id], folder: 'Zurück/Heute' };
  assert.equal((await call(403, 'POST', 'restores', { ...wanted, mailbox: shared })).code, 'denied');
  const begun = await call(202, 'POST', 'restores', wanted);
  const ended = await until(async () => { const now = await call(200, 'GET', `restores/${begun.id}`); return now.state !== 'running' && now; }, 'the restore does not end');
  assert.equal(ended.state, 'succeeded', JSON.stringify(ended));
  assert.match(ended.lost.map((one) => one.what).join(), /MIME structure/u);
  const there = (await truth()).find((one) => one.folder === 'Zurück/Heute');
  const message = await double.admin('GET', `/message?upn=${anna}&id=${encodeURIComponent(there.id)}`);
  assert.equal(message.isDraft, false);
  assert.equal(message.received, '2026-03-02T10:00:05.000Z');
  assert.equal(message.json.subject, 'Orgelpfeife groß');
  assert.match(message.json.body.content, /Pfeifenwerk/u);
  assert.deepEqual(message.attachments.map((one) => [one.name, one.size, sha256(Buffer.from(one.bytes.data))]), [['small.pdf', small.length, sha256(small)], ['big.pdf', big.length, sha256(big)]]);
  assert.ok((await call(200, 'GET', 'audit?limit=1000')).items.some((one) => one.action === 'mail.restore'));
});

test('mail comes back once, whatever becomes of the answers', async () => {
  const attachment = `--b\r\nContent-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n`;
  const create = 'POST .*/mailFolders/[^/]+/messages$', attach = 'POST .*/attachments$';
  const cases = [['reset', create, { kind: 'reset', applied: true }], ['truncated', create, { kind: 'truncate' }], ['timeout', create, { kind: '504', applied: true }], ['unavailable', create, { kind: '503', retry_after: '1', applied: true }],
    ['attachment', attach, { kind: 'reset', applied: true }], ['throttled', create, { kind: '429', retry_after: '1' }]];
  for (const [name, match, fault] of cases) {
    const text = `Wiederkehr${name}`;
    const raw = Buffer.from(`From: W <w@example.org>\r\nTo: <${anna}>\r\nSubject: ${name}\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${name}@back.example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n${text}\r\n${attachment}--b--\r\n`);
    const { id: lost } = await double.admin('POST', `/messages?upn=${anna}&folder=Inbox`, raw);
    const id = await profile({ name });
    const { archive } = mailboxOf(await run(id));
    await double.admin('DELETE', `/messages?upn=${anna}&id=${encodeURIComponent(lost)}`);
    await daemon.indexed(tenant);
    const [hit] = (await daemon.expect(200, 'GET', `${tenant.at}/search?q=${text}`, { token: tenant.officer })).items;
    await double.admin('POST', '/stats/reset');
    await double.admin('POST', '/faults', [{ match, ...fault, count: 1 }]);
    const begun = await call(202, 'POST', 'restores', { profile: id, archive, messages: [hit.message_id], folder: `Einmal/${name}` });
    const ended = await until(async () => { const now = await call(200, 'GET', `restores/${begun.id}`); return now.state !== 'running' && now; }, 'the restore does not end');
    await double.admin('DELETE', '/faults');
    assert.equal(ended.state, 'succeeded', JSON.stringify(ended));
    const there = (await truth()).filter((one) => one.folder === `Einmal/${name}`);
    assert.equal(there.length, 1, `${there.length} messages after ${name}`);
    const message = await double.admin('GET', `/message?upn=${anna}&id=${encodeURIComponent(there[0].id)}`);
    assert.deepEqual(message.attachments.map((one) => one.name), ['a.pdf'], name);
    const stats = await double.admin('GET', '/stats');
    assert.deepEqual([stats.faults, stats.early], [1, []], name);
  }
});

test('secrets do not follow to an address they were not entered for', async () => {
  assert.match((await call(400, 'PATCH', `credentials/${credential}`, { graph_url: 'https://127.0.0.1:1' })).detail, /not entered for/u);
});

test('a run pauses, holds its place over a restart, and goes on', async () => {
  await double.admin('POST', '/delay', { milliseconds: 40 });
  for (let n = 0; n < 60; ++n) await double.admin('POST', `/messages?upn=${anna}&folder=Slow`, mail(`slow ${n}`));
  const id = await profile({ name: 'pausing', folders: { include: ['Slow'] } });
  const begun = await call(202, 'POST', `profiles/${id}/runs`, {});
  await call(202, 'POST', `runs/${begun.id}/pause`, {});
  assert.equal((await call(200, 'GET', `runs/${begun.id}`)).paused, true);
  await daemon.stop();
  await daemon.start();
  await until(async () => (await call(200, 'GET', `runs/${begun.id}`)).paused, 'the pause is not kept');
  await double.admin('POST', '/delay', { milliseconds: 0 });
  await until(async () => (await daemon.call('POST', `${tenant.at}/runs/${begun.id}/resume`, { token: tenant.admin, json: {} })).status === 202, 'the run does not go on');
  const ended = await daemon.runEnds(tenant, begun.id);
  assert.match(ended.state, /^succeeded/u);
  assert.equal(mailboxOf(ended).archived + mailboxOf(ended).already_archived >= 60, true, JSON.stringify(ended));
});

test('a blocked time holds a run back, and what cannot be is refused in words', async () => {
  const id = await profile({ name: 'blocked', schedule: { every: '6h', blocked: ['00:00-12:00'] } });
  const now = new Date();
  const blocked = `${String(now.getUTCHours()).padStart(2, '0')}:00-${String((now.getUTCHours() + 2) % 24).padStart(2, '0')}:00`;
  await call(200, 'PATCH', `profiles/${id}`, { schedule: { every: '6h', blocked: [blocked] } });
  const begun = await call(202, 'POST', `profiles/${id}/runs`, {});
  const held = await until(async () => { const one = await call(200, 'GET', `runs/${begun.id}`); return one.blocked_until && one; }, 'the run is not held back');
  assert.ok(new Date(held.blocked_until) > now);
  await call(202, 'POST', `runs/${begun.id}/cancel`, {});
  await until(async () => (await call(200, 'GET', `runs/${begun.id}`)).state === 'cancelled', 'a held run cannot be cancelled');
  for (const [body, pattern] of [[{ schedule: { blocked: ['noon'] } }, /not a time to block/u], [{ schedule: { blocked: ['00:00-24:00'] } }, /whole week/u], [{ after_archiving: { action: 'delete' } }, /older_than/u], [{ after_archiving: { action: 'move', older_than: '1d' } }, /move_to/u], [{ reconcile_every: '1s' }, /reconcile_every/u]]) {
    assert.match((await call(400, 'PATCH', `profiles/${id}`, body)).detail, pattern);
  }
});
