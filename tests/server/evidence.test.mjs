// What a tenant can prove, as its people use it: the API, the command line, and kopial-verify with what they took away.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon } from '../support/daemon.mjs';

const build = process.env.KOPIAL_BUILD;
const daemon = new Daemon();
const folder = mkdtempSync(join(tmpdir(), 'kopial-evidence-'));
const mail = (n) => Buffer.from(`From: a@example.org\r\nTo: b@example.org\r\nSubject: message ${n}\r\nMessage-ID: <${n}@example.org>\r\n\r\nThis is ${n}.\r\n`);
let tenant, kept, key, otherKey;

const run = (program, args, env = {}) => spawnSync(join(build, 'bin', program), args, { encoding: 'utf8', env: { ...process.env, ...env } });
const kopial = (...args) => run('kopial', [...args, '--tenant', 'acme', '--url', daemon.url.origin, '--ca-file', join(daemon.folder, 'data/tls/certificate.pem')], { KOPIAL_TOKEN: tenant.officer });
const verify = (...args) => run('kopial-verify', args);
const get = (path, status = 200) => daemon.expect(status, 'GET', `${tenant.at}/${path}`, { token: tenant.officer });

before(async () => {
  await daemon.start();
  tenant = await daemon.tenant('acme');
  const archive = await daemon.archive(tenant);
  kept = [];
  for (let n = 0; n < 5; n += 1) kept.push(await daemon.import(tenant, archive, mail(n)));
  await daemon.indexed(tenant);
  const other = await daemon.tenant('other');
  otherKey = (await daemon.expect(200, 'GET', `${other.at}/evidence`, { token: other.officer })).public_key;
});
after(async () => {
  await daemon.remove();
  rmSync(folder, { recursive: true, force: true });
});

test('the log is signed, served in tiles, and proven', async () => {
  const state = await get('evidence');
  assert.equal(state.trouble, null);
  assert.equal(state.beginning, null);
  assert.equal(state.changes_before, 0);
  assert.match(state.public_key, /^kopial\/acme\/[0-9a-f]{16}\+[0-9a-f]{8}\+/u);
  key = state.public_key;
  const note = (await get('evidence/checkpoint')).toString();
  const [origin, size, root] = note.split('\n');
  assert.equal(origin, state.origin);
  // The hashes of the first tile make the root, by RFC 9162 and nothing of ours.
  const hash = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
  const tile = await get(`evidence/tile/0/000.p/${size}`);
  const entries = await get(`evidence/tile/entries/000.p/${size}`);
  const leaves = Array.from({ length: Number(size) }, (_, n) => tile.subarray(n * 32, n * 32 + 32));
  leaves.forEach((leaf, n) => assert.ok(leaf.equals(hash(Buffer.from([0]), entries.subarray(n * 34 + 2, n * 34 + 34)))));
  const fold = (nodes) => {
    if (nodes.length === 1) return nodes[0];
    let half = 1;
    while (half * 2 < nodes.length) half *= 2;
    return hash(Buffer.from([1]), fold(nodes.slice(0, half)), fold(nodes.slice(half)));
  };
  assert.equal(fold(leaves).toString('base64'), root);
  const proof = await get(`evidence/proof?from=3&size=${size}`);
  assert.equal(proof.root, Buffer.from(root, 'base64').toString('hex'));
  await get('evidence/tile/0/00', 400);
  await get('evidence/tile/0/999', 404);
});

test('looking at the evidence of somebody else\'s mail is on record, and the record is in the log', async () => {
  await get(`messages/${kept[0].message_id}/proof?purpose=a+test`);
  const events = (await get('audit?event=message.proof')).items;
  assert.equal(events.length, 1);
  assert.equal(events[0].purpose, 'a test');
  assert.ok(Number.isInteger(events[0].leaf));
});

test('a message is taken away with its proof, and any change to either is found', () => {
  const bundle = join(folder, 'bundle');
  const taken = kopial('evidence', 'bundle', kept[1].message_id, kept[2].message_id, '--to', bundle);
  assert.equal(taken.status, 0, taken.stderr);
  assert.equal(readdirSync(bundle).length, 3);
  const sound = verify(bundle, '--public-key', key);
  assert.equal(sound.status, 0, sound.stdout + sound.stderr);
  assert.match(sound.stdout, /2 messages, 2 copies proven, 2 files\nSound\./u);
  assert.match(verify(bundle).stdout, /Compare it with the one the archive's owner gave you/u);
  assert.equal(verify(bundle, '--public-key', otherKey).status, 3, 'another log');

  const proofs = join(bundle, 'proofs.jsonl'), file = join(bundle, `${kept[1].copy_id}.eml`);
  const [reports, bytes] = [readFileSync(proofs, 'utf8'), readFileSync(file)];
  const finds = (what, pattern) => {
    const found = verify(bundle, '--public-key', key);
    assert.equal(found.status, 3, what);
    assert.match(found.stdout, pattern, what);
    writeFileSync(proofs, reports);
    writeFileSync(file, bytes);
    rmSync(join(bundle, 'more.eml'), { force: true });
    assert.equal(verify(bundle, '--public-key', key).status, 0, `taken back: ${what}`);
  };
  const other = Buffer.from(bytes);
  other[other.length - 4] ^= 1;
  writeFileSync(file, other);
  finds('a byte of the mail', /no report proves these bytes/u);
  rmSync(file);
  finds('a message is gone', /its file is not there/u);
  writeFileSync(join(bundle, 'more.eml'), mail(99));
  finds('a message more', /more\.eml: no report proves these bytes/u);
  writeFileSync(proofs, reports.replaceAll(kept[1].copy_id, kept[3].copy_id));
  finds('another copy in the report', /no right signature/u);
  writeFileSync(proofs, reports.replaceAll('"unchanged\\":true', '"unchanged\\":false'));
  finds('another word in the report', /no right signature/u);
  writeFileSync(proofs, reports.slice(0, -100));
  finds('half a report', /ends within a report/u);
});

test('a report on its own is checked too', () => {
  const printed = kopial('evidence', 'proof', kept[4].message_id);
  assert.equal(printed.status, 0, printed.stderr);
  const path = join(folder, 'report.json');
  writeFileSync(path, JSON.stringify(JSON.parse(printed.stdout), null, 1));
  const sound = verify(path, '--public-key', key);
  assert.equal(sound.status, 0, sound.stdout);
  const { report } = JSON.parse(printed.stdout);
  assert.equal(report.unchanged, true);
  assert.equal(report.arrival_proven, true);
  const proof = Buffer.from(report.copies[0].proof, 'base64');
  assert.ok(proof.length < 2048, `${proof.length} bytes`);
});

test('a stopped store is checked against the checkpoint somebody kept', async () => {
  const checkpoint = join(folder, 'checkpoint');
  writeFileSync(checkpoint, await get('evidence/checkpoint'));
  const store = join(daemon.folder, 'data/tenants/acme');
  const open = verify(store, '--public-key', key, '--checkpoint', checkpoint);
  assert.equal(open.status, 1, 'it is in use');
  assert.equal(await daemon.stop(), 0);
  const sound = verify(store, '--public-key', key, '--checkpoint', checkpoint);
  assert.equal(sound.status, 0, sound.stdout + sound.stderr);
  assert.match(sound.stdout, /held against 2 checkpoints/u);
  assert.ok(existsSync(join(store, 'store/evidence/anchor')));
  await daemon.start();
  assert.equal((await get('evidence')).trouble, null);
});
