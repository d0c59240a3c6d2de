// Large downloads from the real daemon: exact, in ranges, and with little memory however large they are.
// KOPIAL_LARGE_MIB=200 tries it with an attachment of that size (60), whose message is above the limit that the daemon has when nothing is set.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Daemon } from '../support/daemon.mjs';

const daemon = new Daemon();
const mib = 1 << 20;
const content = randomBytes(Number(process.env.KOPIAL_LARGE_MIB ?? 60) * mib + 12_345);
// 57 bytes are a line of 76 characters.
const lines = [];
for (let at = 0; at < content.length; at += 57 << 10) lines.push(content.subarray(at, at + (57 << 10)).toString('base64').replace(/.{76}/gu, '$&\r\n'));
const encoded = lines.join('');
if (encoded.length > 250 * mib) appendFileSync(daemon.config, `[limits]\nmessage_bytes_max = "${Math.ceil(encoded.length / mib) + 1}MiB"\n`);
const raw = Buffer.from(`From: a@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the attachment.\r\n--b\r\nContent-Type: application/octet-stream; name=large.bin\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=large.bin\r\n\r\n${encoded}\r\n--b--\r\n`);
let tenant, at, token;

before(async () => {
  await daemon.start();
  tenant = await daemon.tenant('acme');
  const kept = await daemon.import(tenant, await daemon.archive(tenant), raw);
  await daemon.indexed(tenant);
  at = { message: `${tenant.at}/messages/${kept.message_id}`, raw: `${tenant.at}/messages/${kept.message_id}/copies/${kept.copy_id}/raw`,
    attachment: `${tenant.at}/messages/${kept.message_id}/attachments/0` };
  assert.equal(kept.copy_id, createHash('sha256').update(raw).digest('hex'));
  token = tenant.officer;
});
after(() => daemon.remove());

const get = (path, headers = {}, method = 'GET') => daemon.call(method, path, { token, headers });

test('the attachment and the raw bytes come whole', async () => {
  const attachment = await get(at.attachment);
  assert.equal(attachment.status, 200);
  assert.equal(Number(attachment.headers['content-length']), content.length);
  assert.equal(attachment.headers['accept-ranges'], 'bytes');
  assert.ok(attachment.body.equals(content));
  assert.ok((await get(at.raw)).body.equals(raw));
  const view = (await get(at.message)).json;
  assert.equal(view.attachments[0].size, content.length);
  assert.equal((await get(`${at.message}/text`)).body.toString(), 'See the attachment.');
});

test('a range is exactly that range', async () => {
  for (const [path, whole] of [[at.attachment, content], [at.raw, raw]]) {
    for (const [range, from, to] of [['bytes=0-99', 0, 100], ['bytes=31457270-41943050', 31_457_270, 41_943_051], ['bytes=-1000', whole.length - 1000, whole.length]]) {
      const part = await get(path, { Range: range });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/${whole.length}`);
      assert.ok(part.body.equals(whole.subarray(from, to)), `${path} ${range}`);
    }
    const behind = await get(path, { Range: `bytes=${whole.length}-` });
    assert.equal(behind.status, 416);
    assert.equal(behind.headers['content-range'], `bytes */${whole.length}`);
    const { etag } = (await get(path, {}, 'HEAD')).headers;
    assert.equal((await get(path, { Range: 'bytes=0-9', 'If-Range': etag })).body.length, 10);
    assert.equal((await get(path, { Range: 'bytes=0-9', 'If-Range': '"another"' })).body.length, whole.length);
  }
});

test('a download takes less than 32 MiB of memory', async () => {
  assert.equal(await daemon.stop(), 0);
  await daemon.start();
  const highest = () => Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8'))[1]) / 1024;
  assert.equal((await get(`${tenant.at}/archives`)).status, 200);
  const beforehand = highest();
  assert.ok((await get(at.attachment)).body.equals(content));
  assert.ok((await get(at.raw)).body.equals(raw));
  const more = highest() - beforehand;
  assert.ok(more < 32, `${more.toFixed(1)} MiB more than before`);
});
