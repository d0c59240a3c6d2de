// The REST interface of the real daemon: tenants apart, bytes exact, wrong requests answered in words.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon } from '../support/daemon.mjs';

const daemon = new Daemon();
const document = JSON.parse(readFileSync(new URL('../../server/api/openapi.json', import.meta.url)));
const methods = ['get', 'post', 'put', 'patch', 'delete'];
const operations = Object.entries(document.paths).flatMap(([path, item]) => methods.filter((method) => item[method]).map((method) => ({ path, method: method.toUpperCase(), operation: item[method] })));
let acme, other;

before(async () => {
  await daemon.start();
  [acme, other] = [await daemon.tenant('acme'), await daemon.tenant('other')];
});
after(() => daemon.remove());

const filled = (path, slug) => path.replace('{t}', slug).replace(/\{c\}/u, 'a'.repeat(64)).replace(/\{\w+\}/gu, '1');

test('the document names what is served, with each method', async () => {
  for (const path of Object.keys(document.paths)) {
    const answer = await daemon.call('PUT', filled(path, 'acme'), { token: acme.admin, json: {} });
    assert.equal(answer.status, 405, path);
    const allowed = (answer.headers.allow ?? '').split(/,\s*/u).filter((one) => !['HEAD', 'OPTIONS'].includes(one)).sort();
    // "messages/import" reads as a message's address, too: what is served there is what both patterns have.
    const same = Object.keys(document.paths).filter((one) => new RegExp(`^${one.replace(/\{\w+\}/gu, '[^/]+')}$`, 'u').test(path));
    const documented = new Set(same.flatMap((one) => methods.filter((method) => document.paths[one][method])));
    assert.deepEqual(allowed, [...documented].map((method) => method.toUpperCase()).sort(), path);
  }
  assert.deepEqual((await daemon.call('GET', '/api/v1/openapi.json')).json, document);
});

test('nothing but the open routes answers without a token', async () => {
  for (const { path, method, operation } of operations) {
    const { status } = await daemon.call(method, filled(path, 'acme'), { json: method === 'GET' ? undefined : {} });
    if (operation.security?.length === 0) assert.notEqual(status, 404, `${method} ${path}`);
    else assert.equal(status, 401, `${method} ${path}`);
  }
});

test('each route called with another tenant\'s token answers 404 or 403', async () => {
  for (const { path, method } of operations.filter((one) => one.path.includes('{t}'))) {
    for (const token of [other.admin, other.officer]) {
      const { status } = await daemon.call(method, filled(path, 'acme'), { token, json: method === 'GET' ? undefined : {} });
      assert.ok(status === 404 || status === 403, `${method} ${path} answered ${status}`);
    }
  }
});

test('neither system administrators nor administrators read mail', async () => {
  const archive = await daemon.archive(other);
  const { message_id: id, copy_id: copy } = await daemon.import(other, archive, 'Subject: secret\r\n\r\nx\r\n');
  for (const path of [`messages/${id}`, `messages/${id}/text`, `messages/${id}/copies/${copy}/raw`, `archives/${archive}/messages`]) {
    for (const token of [daemon.system, other.admin]) assert.ok([403, 404].includes((await daemon.call('GET', `${other.at}/${path}`, { token })).status), path);
    assert.equal((await daemon.call('GET', `${other.at}/${path}`, { token: other.officer })).status, 200, path);
  }
  const events = (await daemon.expect(200, 'GET', `${other.at}/audit?limit=1000`, { token: other.officer })).items.map((one) => one.action);
  assert.ok(events.includes('message.raw') && events.includes('message.text'));
});

const many = Array.from({ length: 10_000 }, (_, n) => `--b\r\n\r\n${n}\r\n`).join('');
const deep = Array.from({ length: 1000 }, (_, n) => `Content-Type: multipart/mixed; boundary="b${n}"\r\n\r\n--b${n}\r\n`).join('');
const hostile = {
  'empty': '',
  'bare LF': 'Subject: x\nFrom: a@b.example\n\nbody\n',
  'NUL bytes': 'Subject: a\0b\r\n\r\n\0\0\0',
  '8-bit headers': Buffer.from([...Buffer.from('Subject: '), 0xfc, 0xe4, 0xff, ...Buffer.from('\r\n\r\nx')]),
  'a lying boundary': 'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--y\r\n\r\nno end',
  'a wrong charset': 'Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe',
  'a wrong transfer encoding': 'Content-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!\r\n',
  'only CR': '\r\r\r',
  '10 000 parts': `Content-Type: multipart/mixed; boundary="b"\r\n\r\n${many}--b--\r\n`,
  '1 000 levels': deep,
  'random bytes': createHash('sha512').update('x').digest(),
};

async function comesBack(tenant, archive, bytes, name) {
  const { copy_id: copy, message_id: id } = await daemon.import(tenant, archive, bytes);
  assert.equal(copy, createHash('sha256').update(bytes).digest('hex'), name);
  const raw = await daemon.call('GET', `${tenant.at}/messages/${id}/copies/${copy}/raw`, { token: tenant.officer });
  assert.equal(raw.status, 200, name);
  assert.ok(raw.body.equals(Buffer.from(bytes)), `${name} came back changed`);
  assert.equal((await daemon.call('GET', `${tenant.at}/messages/${id}`, { token: tenant.officer })).status, 200, `${name} cannot be shown`);
}

test('hostile messages come back byte for byte', async () => {
  const archive = await daemon.archive(acme);
  for (const [name, text] of Object.entries(hostile)) await comesBack(acme, archive, Buffer.from(text), name);
});

test('a message of 150 MB comes back byte for byte', async () => {
  const archive = await daemon.archive(acme);
  const head = Buffer.from('Subject: large\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n');
  await comesBack(acme, archive, Buffer.concat([head, Buffer.alloc(150 << 20, `${'QUJD'.repeat(19)}\r\n`)]), '150 MB');
});

const shared = process.env.KOPIAL_SHARED ?? new URL('../../../shared', import.meta.url).pathname;
const edge = join(shared, 'corpus/mime-edge');
test('every file of mime-edge comes back byte for byte', { skip: existsSync(edge) ? false : `SKIPPED LOUDLY: ${edge} is not there` }, async () => {
  const archive = await daemon.archive(acme);
  let files = 0;
  for (const entry of readdirSync(edge, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    await comesBack(acme, archive, readFileSync(join(entry.parentPath ?? entry.path, entry.name)), entry.name);
  }
  assert.ok(files > 10, `only ${files} files`);
});

test('wrong requests are told what was wrong', async () => {
  const wrong = [
    ['GET', `${acme.at}/search?q=foo:bar`, 400, /column 1/u], ['GET', `${acme.at}/search?q=%22open`, 400, /column/u], ['GET', `${acme.at}/search?what=1`, 400, /'what'/u],
    ['GET', `${acme.at}/nothing`, 404, /./u], ['GET', `${acme.at}/messages/0`, 404, /./u],
  ];
  for (const [method, path, status, detail] of wrong) {
    const answer = await daemon.call(method, path, { token: acme.officer });
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.match(answer.json.detail, detail);
    assert.ok(answer.json.code && answer.json.request_id);
  }
  const field = await daemon.call('POST', `${acme.at}/archives`, { token: acme.admin, json: { display_name: 'x', colour: 'red' } });
  assert.equal(field.status, 400);
  assert.match(field.json.detail, /colour/u);
});

test('the same Idempotency-Key has its effect once', async () => {
  const ask = () => daemon.expect(201, 'POST', `${acme.at}/archives`, { token: acme.admin, json: { display_name: 'Once' }, headers: { 'Idempotency-Key': 'once-1' } });
  assert.equal((await ask()).id, (await ask()).id);
});

test('removing the index folder and starting gives the same answers', async () => {
  const archive = await daemon.archive(acme);
  for (let n = 0; n < 200; ++n) await daemon.import(acme, archive, `Subject: Orgel ${n}\r\nFrom: p${n % 7}@example.org\r\nDate: Tue, 24 Nov 2026 03:${String(n % 60).padStart(2, '0')}:00 +0000\r\n\r\nPfeife ${n % 13}\r\n`);
  await daemon.indexed(acme);
  const ask = async () => {
    const answers = [];
    for (const q of ['', 'orgel', 'pfeife from:p3', '"Orgel 17"', 'pfei*', 'orgel -pfeife']) {
      const { total, items } = await daemon.expect(200, 'GET', `${acme.at}/search?q=${encodeURIComponent(q)}&limit=1000`, { token: acme.officer });
      answers.push([q, total, items]);
    }
    return answers;
  };
  const asked = await ask();
  assert.equal(asked[1][1], 200);
  assert.equal(await daemon.stop(), 0);
  rmSync(join(daemon.folder, 'data/tenants/acme/index'), { recursive: true });
  await daemon.start();
  await daemon.indexed(acme);
  assert.deepEqual(await ask(), asked);
});
