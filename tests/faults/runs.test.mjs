// Microsoft 365 at its worst, and a daemon that is killed: what was acknowledged is there, once, and the archive is complete in the end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Daemon, startDouble, until } from '../support/daemon.mjs';

const synthetic = { mailboxes: 2, messages: 400, folders: 3, mean_bytes: 6000, seed: 7 };
const upn = 'person0@synthetic.example';
const daemon = new Daemon();
let double, tenant, profile;

before(async () => {
  double = await startDouble({ synthetic });
  await daemon.start();
  tenant = await daemon.tenant('faults');
  profile = await daemon.graphProfile(tenant, double.ready);
});
after(async () => { await daemon.remove(); double.stop(); });

const truth = async () => new Set((await double.admin('GET', '/mailboxes')).flatMap((mailbox) => mailbox.messages.filter((one) => !/^(Drafts|Junk Email)/u.test(one.folder)).map((one) => one.sha256)));

// What is missing from the archive, and what is in it twice.
async function compare(wanted, at = tenant) {
  await daemon.indexed(at);
  const copies = (await daemon.everything(at)).flatMap((one) => one.copy_ids);
  const there = new Set(copies);
  return { missing: [...wanted].filter((one) => !there.has(one)), twice: copies.filter((one, index) => copies.indexOf(one) !== index) };
}

test('a run with the whole fault plan ends complete and with manners', async () => {
  await double.admin('POST', '/faults', [
    { match: 'messages/delta', kind: '429', retry_after: '1', after: 1, count: 2 }, { match: 'value', kind: '429', retry_after: '0.5', every: 97 },
    { match: 'value', kind: '503', retry_after: { date: 1 }, every: 131, count: 3 }, { match: 'value', kind: '504', every: 149 }, { match: 'value', kind: 'reset', every: 113 },
    { match: 'messages/delta', kind: 'truncate', clean: true, after: 4, count: 2 }, { match: 'value', kind: 'truncate', every: 127 }, { match: 'value', kind: '401', every: 211 },
    { match: 'deltatoken|skiptoken', kind: '410', after: 6, count: 1 }, { match: 'mailFolders', kind: '500', after: 1, count: 1 },
  ]);
  const run = await daemon.startRun(tenant, profile);
  await until(async () => (await double.admin('GET', '/stats')).by_kind.value > 100, 'the run does not fetch');
  await double.admin('POST', '/tokens/expire');
  const ended = await daemon.runEnds(tenant, run);
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended));
  const stats = await double.admin('GET', '/stats');
  assert.ok(stats.faults > 15, `only ${stats.faults} faults struck`);
  assert.deepEqual(stats.early, []);
  assert.equal(stats.early_requests, 0);
  assert.ok(stats.max_concurrent <= 4, `${stats.max_concurrent} at once`);
  await double.admin('DELETE', '/faults');
  assert.deepEqual(await compare(await truth()), { missing: [], twice: [] });
});

test('the control: a message that is not archived is found missing', async () => {
  const { missing } = await compare(new Set([...(await truth()), 'f'.repeat(64)]));
  assert.deepEqual(missing, ['f'.repeat(64)]);
});

test('a second run costs requests in proportion to changes', async () => {
  await daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
  await double.admin('POST', '/stats/reset');
  await double.admin('POST', `/messages?upn=${upn}&folder=Inbox`, Buffer.from('Subject: one more\r\n\r\nx\r\n'));
  await daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
  const { requests, by_kind: kinds } = await double.admin('GET', '/stats');
  assert.equal(kinds.value, 1);
  assert.ok(requests < 80, `${requests} requests for one new message`);
  assert.deepEqual((await compare(await truth())).missing, []);
});

test('moved, deleted, and a lost sync state: everything stays, nothing is there twice', async () => {
  const before_ = await truth();
  const [mailbox] = await double.admin('GET', '/mailboxes');
  const [moved, gone] = mailbox.messages;
  await double.admin('POST', `/messages/move?upn=${upn}&id=${encodeURIComponent(moved.id)}&folder=Kept`);
  await double.admin('DELETE', `/messages?upn=${upn}&id=${encodeURIComponent(gone.id)}`);
  await double.admin('POST', '/sync-state/evict');
  const ended = await daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
  assert.match(ended.state, /^succeeded/u);
  assert.deepEqual(await compare(before_), { missing: [], twice: [] });
});

test('a mailbox that cannot be read fails alone and is named', async () => {
  await double.admin('POST', `/users/state?upn=${upn}`, { denied: true });
  const ended = await daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
  await double.admin('POST', `/users/state?upn=${upn}`, { denied: false });
  const states = Object.fromEntries(ended.mailboxes.map((one) => [one.upn, one.state]));
  assert.deepEqual(states, { [upn]: 'failed', 'person1@synthetic.example': 'done' });
  assert.notEqual(ended.state, 'succeeded');
});

test('killed at 50 moments of runs and imports: nothing acknowledged is missing, nothing is there twice', async () => {
  const crashed = await daemon.tenant('crashed');
  const other = await daemon.graphProfile(crashed, double.ready);
  const archive = await daemon.archive(crashed);
  const acknowledged = new Set();
  let number = 0;
  await daemon.startRun(crashed, other);
  for (let round = 0; round < 50; ++round) {
    let killed = false;
    const senders = [1, 2, 3].map(async () => {
      while (!killed) {
        try {
          acknowledged.add((await daemon.import(crashed, archive, `Subject: import ${++number}\r\n\r\n${'x'.repeat(number % 3000)}\r\n`)).copy_id);
        } catch {
          return;  // Killed in the middle: not acknowledged.
        }
      }
    });
    const wanted = acknowledged.size + 1 + Math.floor(Math.random() * 25);
    await until(() => acknowledged.size >= wanted, 'no import is acknowledged');
    killed = true;
    await daemon.stop('SIGKILL');
    await Promise.all(senders);
    await daemon.start();
  }
  await until(async () => (await daemon.expect(200, 'GET', `${crashed.at}/profiles/${other}/runs`, { token: crashed.admin })).items.every((one) => !['queued', 'running'].includes(one.state)), 'the interrupted run does not end', 120);
  const ended = await daemon.runEnds(crashed, await daemon.startRun(crashed, other));
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended));
  assert.ok(acknowledged.size >= 50);
  assert.deepEqual(await compare(new Set([...acknowledged, ...(await truth())]), crashed), { missing: [], twice: [] });
});
