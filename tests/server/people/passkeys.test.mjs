// Passkeys: with a passkey in software that can lie, and with Chromium's own; app passwords; erasures by two; and an outage.
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Authenticator, cbor } from '../../support/authenticator.mjs';
import { Daemon } from '../../support/daemon.mjs';
import { makeCertificate, OpenLdap } from '../../support/directory_servers.mjs';
import { startProvider, walk } from '../../doubles/oidc/provider.mjs';

const daemon = new Daemon();
const port = await new Promise((resume) => { const server = createServer().listen(0, '127.0.0.1', () => { const free = server.address().port; server.close(() => resume(free)); }); });
const origin = `https://localhost:${port}`;
writeFileSync(daemon.config, readFileSync(daemon.config, 'utf8').replace('127.0.0.1:0', `127.0.0.1:${port}`));
appendFileSync(daemon.config, `public_url = "${origin}"\n`);
const folder = mkdtempSync(join(tmpdir(), 'kopial-passkeys-'));
let tenant;

before(async () => { await daemon.start(); tenant = await daemon.tenant('keys'); });
after(async () => { await daemon.remove(); rmSync(folder, { recursive: true }); });

const admin = (path, method = 'GET', json = undefined, status = method === 'POST' ? 201 : 200) => daemon.expect(status, method, `${tenant.at}/${path}`, { token: tenant.admin, json });
async function local(username, roles = ['user']) {
  const user = await admin('users', 'POST', { username, roles, addresses: [] });
  const password = `${username} has a long password`;
  const { token } = await daemon.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant: 'keys', username, code: user.one_time_code, password } });
  return { id: user.id, username, token, password };
}
const me = (token, method, path, json, status) => daemon.expect(status, method, `/api/v1/me/${path}`, { token, json });
const enrol = async (token, key, name = 'key', lies = {}) => {
  const { state, options } = await me(token, 'POST', 'passkeys/start', {}, 201);
  return daemon.call('POST', '/api/v1/me/passkeys', { token, json: { state, name, credential: key.create(options, lies) } });
};
const begin = (more = {}) => daemon.expect(201, 'POST', '/api/v1/sessions/passkey/start', { json: { tenant: 'keys', ...more } });
// Whoever is refused often has to wait; a sign-in from the same address that is right ends that, which these tests are grateful for.
const forgiving = async (answer) => {
  if (answer.status === 401) await daemon.expect(201, 'POST', '/api/v1/sessions', { json: { username: 'admin', password: daemon.systemPassword } });
  return answer;
};
const finish = async (state, credential) => forgiving(await daemon.call('POST', '/api/v1/sessions/passkey', { json: { state, credential } }));
const enter = async (username, password, more = {}) => forgiving(await daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'keys', username, password, ...more } }));
const signIn = async (key, lies) => { const { state, options } = await begin(); return finish(state, key.get(options, lies)); };

for (const kind of ['ES256', 'EdDSA', 'RS256']) {
  test(`a passkey with ${kind} signs in alone, and is the second factor`, async () => {
    const user = await local(`anna-${kind}`), key = new Authenticator(origin, { kind });
    const { options } = await me(user.token, 'POST', 'passkeys/start', {}, 201);
    assert.deepEqual([options.rp.id, options.attestation, Buffer.from(options.user.id, 'base64url').toString()], ['localhost', 'none', user.id]);
    const made = await enrol(user.token, key, 'laptop');
    assert.equal(made.status, 201, made.body.toString());
    assert.deepEqual([made.json.alone, made.json.recovery_codes.length], [true, 10]);
    const first = await signIn(key);
    assert.equal(first.status, 201, first.body.toString());
    assert.equal(first.json.user.id, user.id);
    const sessions = (await me(first.json.token, 'GET', 'sessions', undefined, 200)).items;
    assert.ok(sessions.some((one) => one.how === 'passkey' && one.current));

    const without = await enter(user.username, user.password);
    assert.equal(without.status, 401, 'a password alone is no longer enough');
    assert.match(without.json.detail, /passkey/u);
    const second = await begin({ username: user.username, password: user.password });
    assert.deepEqual(second.options.allowCredentials.map((one) => one.id), [key.id.toString('base64url')]);
    assert.equal((await finish(second.state, key.get(second.options, { flags: 1 }))).status, 201, 'as a second factor it need not know its owner');
    assert.equal((await daemon.call('POST', '/api/v1/sessions/passkey/start', { json: { tenant: 'keys', username: user.username, password: 'wrong' } })).status, 401);
    assert.equal((await enter(user.username, user.password, { totp: made.json.recovery_codes[3] })).status, 201);
    assert.equal((await enter(user.username, user.password, { totp: made.json.recovery_codes[3] })).status, 401, 'once');
    const { recovery_codes: fresh } = await me(first.json.token, 'POST', 'second-factor/recovery-codes', {}, 200);
    assert.equal((await enter(user.username, user.password, { totp: made.json.recovery_codes[4] })).status, 401, 'the former ones are good no more');
    assert.equal((await enter(user.username, user.password, { totp: fresh[4] })).status, 201);

    const { items } = await me(user.token, 'GET', 'passkeys', undefined, 200);
    assert.deepEqual(items.map((one) => [one.name, one.used_at !== null]), [['laptop', true]]);
    assert.equal((await daemon.call('DELETE', `/api/v1/me/passkeys/${items[0].id}`, { token: tenant.officer })).status, 404, 'not somebody else\'s');
    await me(user.token, 'DELETE', `passkeys/${items[0].id}`, undefined, 204);
    assert.equal((await signIn(key)).status, 401);
    assert.equal((await enter(user.username, user.password)).status, 201);
  });
}

test('answers that no honest passkey gives', async (t) => {
  const user = await local('mia'), key = new Authenticator(origin), other = await local('noah'), others = new Authenticator(origin);
  assert.equal((await enrol(user.token, key)).status, 201);
  assert.equal((await enrol(other.token, others)).status, 201);
  assert.equal((await signIn(key)).status, 201, 'the control: an honest one is taken');
  const lies = {
    'another origin': { client: { origin: 'https://localhost.evil.example' } }, 'the origin without its port': { client: { origin: 'https://localhost' } }, 'http': { client: { origin: origin.replace('https', 'http') } },
    'another question': { client: { challenge: randomBytes(32).toString('base64url') } }, 'no question': { client: { challenge: undefined } }, 'the answer to a making': { client: { type: 'webauthn.create' } },
    'inside of another page': { client: { crossOrigin: true } }, 'crossOrigin as a text': { client: { crossOrigin: 'false' } },
    'another host': { rp: 'evil.example' }, 'nobody was there': { flags: 0x04 }, 'nobody showed that it is he': { flags: 0x01 },
    'extensions that are said to follow, and do not': { flags: 0x85 },
    'a stranger\'s signature': { signer: new Authenticator(origin).pair }, 'a signature that is cut': { cut: (one) => one.subarray(0, -1) }, 'a signature that is longer': { cut: (one) => Buffer.concat([one, Buffer.alloc(1)]) },
    'no signature': { cut: () => Buffer.alloc(0) }, 'a signature that is huge': { cut: () => Buffer.alloc(20_000) },
    'a counter that went back': { count: 1 }, 'a counter that stands still': { count: 0 },
    'as somebody else': { user: Buffer.from(other.id).toString('base64url') }, 'as nobody': { user: null }, 'as whom there is not': { user: 'AAAA' }, 'a name too long': { user: randomBytes(200).toString('base64url') },
  };
  key.counter = 10;
  assert.equal((await signIn(key)).status, 201);
  for (const [name, lie] of Object.entries(lies)) {
    const kept = key.counter, answer = await signIn(key, lie);
    key.counter = kept;
    assert.equal(answer.status, 401, `${name}: ${answer.status} ${answer.body.toString().slice(0, 200)}`);
    assert.ok(answer.body.length < 1000, name);
  }
  assert.equal((await signIn(key)).status, 201, 'and none of it did any harm');

  await t.test('a question is answered once, by whom it was put to, where it was put', async () => {
    const one = await begin(), answer = key.get(one.options);
    assert.equal((await finish(one.state, answer)).status, 201);
    assert.equal((await finish(one.state, answer)).status, 401, 'again');
    assert.equal((await finish(one.state, key.get(one.options))).status, 401, 'again, signed anew');
    const second = await begin({ username: 'mia', password: user.password });
    assert.equal((await finish(second.state, others.get(second.options))).status, 401, 'somebody else\'s passkey for mia\'s password');
    assert.equal((await finish(second.state, others.get(second.options, { user: null }))).status, 401);
    await daemon.tenant('elsewhere');
    const elsewhere = await begin({ tenant: 'elsewhere' });
    assert.equal((await finish(elsewhere.state, key.get(elsewhere.options))).status, 401, 'of another tenant');
    const forged = await begin(), raw = Buffer.from(forged.state, 'base64url');
    raw[1] ^= 2;
    assert.equal((await finish(raw.toString('base64url'), key.get({ ...forged.options, challenge: createHash('sha256').update(raw.toString('base64url')).digest('base64url') }))).status, 401, 'a forged state');
    const stepUp = await daemon.expect(201, 'POST', '/api/v1/sessions/current/verify/passkey/start', { token: user.token });
    assert.equal((await finish(stepUp.state, key.get(stepUp.options))).status, 401, 'asked to confirm, used to sign in');
    const nowhere = await begin({ tenant: 'nowhere' });
    assert.deepEqual(Object.keys(nowhere.options), Object.keys(one.options), 'a tenant that is not there is not told from one that is');
    assert.equal((await finish(nowhere.state, key.get(nowhere.options))).status, 401);
  });
  await t.test('keys that cannot be kept', async () => {
    const jwk = key.pair.publicKey.export({ format: 'jwk' }), point = (more) => new Map([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(jwk.x, 'base64url')], [-3, Buffer.from(jwk.y, 'base64url')], ...more]);
    const bad = {
      'another host': { rp: 'evil.example' }, 'another origin': { client: { origin: 'https://evil.example' } }, 'the answer to a sign-in': { client: { type: 'webauthn.get' } }, 'nobody was there': { flags: 0x44 }, 'no key': { flags: 0x05 },
      'an algorithm nobody takes': { key: point([[3, -65535]]) }, 'another curve': { key: point([[-1, 2]]) }, 'a point too short': { key: point([[-2, Buffer.alloc(31)]]) },
      'not CBOR': { attestation: Buffer.from('hello') }, 'nothing': { attestation: Buffer.alloc(0) }, 'a map that ends early': { attestation: Buffer.from([0xa3, 0x63]) }, 'a map without end': { attestation: Buffer.from([0xbf, 0xff]) },
      'lists in lists': { attestation: Buffer.alloc(8000, 0x81) }, 'a length beyond all memory': { attestation: Buffer.from([0xbb, 0x7f, 255, 255, 255, 255, 255, 255, 255]) },
      'data cut short': { authData: Buffer.alloc(36) }, 'too large': { attestation: Buffer.alloc(17_000) }, 'data twice': { attestation: Buffer.concat([Buffer.from([0xa2]), ...[0, 1].map(() => Buffer.concat([cbor('authData'), cbor(Buffer.alloc(64))]))]) },
    };
    for (const [name, lie] of Object.entries(bad)) {
      const answer = await enrol(user.token, new Authenticator(origin), name, lie);
      assert.equal(answer.status, 400, `${name}: ${answer.status} ${answer.body.toString().slice(0, 200)}`);
    }
    assert.equal((await enrol(user.token, key)).status, 409, 'the same one twice');
    const asked = await me(other.token, 'POST', 'passkeys/start', {}, 201);
    assert.equal((await daemon.call('POST', '/api/v1/me/passkeys', { token: user.token, json: { state: asked.state, name: 'x', credential: new Authenticator(origin).create(asked.options) } })).status, 400, 'asked for somebody else');
    for (const json of [{ state: 'x', name: 'x', credential: 7 }, { state: 'x', name: 'x', credential: {} }, { state: asked.state, name: 'x', credential: { response: [] } }]) {
      assert.equal((await daemon.call('POST', '/api/v1/me/passkeys', { token: user.token, json })).status, 400);
    }
  });
  await t.test('one shows with it once more that it is he; an administrator removes those of who lost them', async () => {
    const asked = await daemon.expect(201, 'POST', '/api/v1/sessions/current/verify/passkey/start', { token: user.token });
    const verify = (credential) => daemon.call('POST', '/api/v1/sessions/current/verify/passkey', { token: user.token, json: { state: asked.state, credential } });
    assert.equal((await verify(others.get(asked.options))).status, 403);
    assert.equal((await verify(key.get(asked.options, { flags: 1 }))).status, 204);
    assert.equal((await daemon.call('POST', '/api/v1/sessions/current/verify', { token: user.token, json: { password: user.password } })).status, 403, 'a password is less than he signs in with');
    await daemon.expect(204, 'DELETE', `${tenant.at}/users/${user.id}/passkeys`, { token: tenant.admin });
    assert.equal((await enter('mia', user.password)).status, 201);
  });
});

test('Chromium\'s own passkeys', { skip: existsSync('/usr/bin/chromium') && existsSync(new URL('../../../server/web/node_modules/playwright-core', import.meta.url)) ? false : 'SKIPPED LOUDLY: chromium or playwright-core is not installed' }, async (t) => {
  const { chromium } = await import('../../../server/web/node_modules/playwright-core/index.mjs');
  const spki = createHash('sha256').update(new X509Certificate(readFileSync(join(daemon.folder, 'data/tls/certificate.pem'))).publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  // Browsers offer passkeys only where the certificate is right: to this one, this certificate is.
  const context = await chromium.launchPersistentContext(join(folder, 'chromium'), { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', `--ignore-certificate-errors-spki-list=${spki}`] });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${origin}/healthz`);
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  const ask = (path, token, json) => page.evaluate(async (one) => {
    const response = await fetch(one.path, { method: 'POST', headers: { 'Content-Type': 'application/json', ...(one.token ? { Authorization: `Bearer ${one.token}` } : { 'X-Kopial-Client': 'browser' }) }, body: JSON.stringify(one.json) });
    return { status: response.status, json: await response.json().catch(() => null) };
  }, { path, token, json });
  const create = (options) => page.evaluate(async (one) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(one) })).toJSON(), options);
  const get = (options) => page.evaluate(async (one) => (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(one) })).toJSON(), options);
  const user = await local('berta');

  const asked = await ask('/api/v1/me/passkeys/start', user.token, {});
  assert.equal(asked.status, 201, JSON.stringify(asked.json));
  const made = await ask('/api/v1/me/passkeys', user.token, { state: asked.json.state, name: 'this computer', credential: await create(asked.json.options) });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  assert.equal(made.json.alone, true);
  await assert.rejects(create((await ask('/api/v1/me/passkeys/start', user.token, {})).json.options), /InvalidStateError|excluded|already/iu, 'the same computer twice: the browser knows');

  const alone = await ask('/api/v1/sessions/passkey/start', undefined, { tenant: 'keys' });
  const entered = await ask('/api/v1/sessions/passkey', undefined, { state: alone.json.state, credential: await get(alone.json.options) });
  assert.equal(entered.status, 201, JSON.stringify(entered.json));
  assert.equal(entered.json.user.username, 'berta');
  assert.equal(entered.json.token, undefined, 'a browser is given a cookie instead');
  const current = await page.evaluate(async () => (await fetch('/api/v1/sessions/current', { headers: { 'X-Kopial-Client': 'browser' } })).json());
  assert.equal(current.user.username, 'berta');

  const second = await ask('/api/v1/sessions/passkey/start', undefined, { tenant: 'keys', username: 'berta', password: user.password });
  assert.equal((await ask('/api/v1/sessions/passkey', undefined, { state: second.json.state, credential: await get(second.json.options) })).status, 201);

  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  const refused = await ask('/api/v1/sessions/passkey/start', undefined, { tenant: 'keys' });
  await assert.rejects(get({ ...refused.json.options, timeout: 500 }), /NotAllowed/u, 'who does not show that it is he');
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId });
  assert.deepEqual(credentials.map((one) => [one.rpId, Buffer.from(one.userHandle, 'base64').toString()]), [['localhost', user.id]]);
});

test('app passwords: for programs, to read with', async () => {
  const user = await local('carla');
  const made = await daemon.expect(201, 'POST', `${tenant.at}/app-passwords`, { token: user.token, json: { name: 'feed reader' } });
  assert.match(made.password, /^[0-9a-f]{5}(-[0-9a-f]{5}){4}$/u);
  assert.equal(made.username, 'keys/carla');
  const as = (name, password, method = 'GET', path = `${tenant.at}/archives`) => daemon.call(method, path, { headers: { Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` } });
  assert.equal((await as(made.username, made.password)).status, 200);
  assert.equal((await as('keys/CARLA', made.password.toUpperCase().replaceAll('-', ' '))).status, 200, 'as people type it');
  for (const [name, password] of [['keys/anna', made.password], ['carla', made.password], ['elsewhere/carla', made.password], ['keys/carla', 'wrong'], ['keys/carla', ''], ['keys/carla', user.password], ['keys/', made.password], ['', '']]) {
    assert.equal((await as(name, password)).status, 401, `${name}:${password}`);
  }
  assert.equal((await daemon.call('GET', `${tenant.at}/archives`, { token: `keys.+${made.password.replaceAll('-', '')}` })).status, 401, 'not as a bearer\'s token');
  assert.equal((await as(made.username, made.password, 'POST', `${tenant.at}/app-passwords`)).status, 403, 'it makes nothing');
  assert.equal((await as(made.username, made.password, 'DELETE', '/api/v1/sessions/current')).status, 403);
  assert.equal((await daemon.call('POST', `${tenant.at}/app-passwords`, { token: tenant.admin, json: { name: 'x' } })).status, 403, 'an administrator has no mail of his own to read');
  const listed = (await daemon.expect(200, 'GET', `${tenant.at}/app-passwords`, { token: user.token })).items;
  assert.deepEqual(listed.map((one) => [one.name, one.scopes]), [['feed reader', ['user', 'read_only']]]);
  assert.ok(!JSON.stringify(listed).includes(made.password));
  assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/tokens`, { token: user.token })).items.length, 0);
  await daemon.expect(204, 'DELETE', `${tenant.at}/app-passwords/${made.id}`, { token: user.token });
  assert.equal((await as(made.username, made.password)).status, 401);
});

test('tokens: scopes, an end, and no offspring', async () => {
  const make = (json, status = 201) => daemon.expect(status, 'POST', `${tenant.at}/tokens`, { token: tenant.admin, json: { name: 'script', ...json } });
  const { token } = await make({ scopes: ['administrator', 'read_only'], expires_at: '2099-01-01T00:00:00Z' });
  assert.equal((await daemon.call('GET', `${tenant.at}/users`, { token })).status, 200);
  const refused = await daemon.call('POST', `${tenant.at}/users`, { token, json: { username: 'x', roles: ['user'], addresses: [] } });
  assert.equal(refused.status, 403);
  assert.match(refused.json.detail, /reading/u);
  await make({ scopes: ['auditor'] }, 400);
  await make({ scopes: ['everything'] }, 400);
  await make({ expires_at: '2020-01-01T00:00:00Z' }, 400);
  const short = await make({ expires_at: new Date(Date.now() + 1500).toISOString() });
  assert.equal((await daemon.call('GET', `${tenant.at}/users`, { token: short.token })).status, 200);
  assert.equal((await daemon.call('POST', `${tenant.at}/tokens`, { token: short.token, json: { name: 'for ever' } })).status, 403, 'a token that ends makes none that does not');
  const end = Date.now() + 10_000;
  while ((await daemon.call('GET', `${tenant.at}/users`, { token: short.token })).status !== 401) assert.ok(Date.now() < end, 'it does not end');
});

test('erasures take two people', async () => {
  const archive = await daemon.archive(tenant);
  const erasable = async (n) => (await daemon.import(tenant, archive, `Subject: ${n}\r\n\r\n${n}\r\n`)).message_id;
  const ask = async (token, n) => (await daemon.expect(201, 'POST', `${tenant.at}/erasures`, { token, json: { messages: [await erasable(n)], reason: 'asked for by the person' } })).id;
  const confirm = (token, id) => daemon.call('POST', `${tenant.at}/erasures/${id}/confirm`, { token, json: {} });
  const one = await ask(tenant.admin, 1);
  const own = await confirm(tenant.admin, one);
  assert.equal(own.status, 403);
  assert.match(own.json.detail, /another/u);
  const second = await local('second', ['administrator']);
  const made = await daemon.expect(201, 'POST', `${tenant.at}/tokens`, { token: second.token, json: { name: 'script' } });
  assert.equal((await confirm(made.token, one)).status, 403, 'a token is nobody who could confirm');
  assert.equal((await confirm((await local('watcher', ['auditor'])).token, one)).status, 403);
  assert.equal((await daemon.expect(200, 'GET', `${tenant.at}/erasures/${one}`, { token: tenant.admin })).state, 'requested', 'nothing happened so far');
  assert.equal((await confirm(tenant.officer, one)).json.state, 'done');
  const two = await ask(tenant.officer, 2);
  assert.equal((await confirm(tenant.officer, two)).status, 403);
  assert.equal((await confirm(second.token, two)).json.state, 'done');
});

const noOutage = OpenLdap.unavailable || (existsSync(new URL('../../doubles/oidc/node_modules', import.meta.url)) ? false : 'SKIPPED LOUDLY: oidc-provider is not installed (npm ci in tests/doubles/oidc)');
test('the identity provider is down: a passkey gets in, and a directory\'s password does', { skip: noOutage }, async (t) => {
  const tls = makeCertificate(folder), oid = '11111111-0000-4000-8000-000000000001', ldap = new OpenLdap();
  t.after(() => ldap.stop());
  await ldap.start();
  ldap.add([ldap.person('otto')]);
  const cloud = await admin('directories', 'POST', { name: 'Cloud', kind: 'csv', losses_share_max: 1, csv: `id,upn,display_name,addresses\n${oid},ida@x.test,Ida,ida@x.test\nb,lost@x.test,Lost,lost@x.test\n` });
  const house = await admin('directories', 'POST', ldap.settings({ passwords: true, losses_share_max: 1 }));
  for (const one of [cloud, house]) await admin(`directories/${one.id}/sync`, 'POST', {}, 200);
  const provider = await startProvider({ style: 'adfs', tls, accounts: { ida: { upn: 'ida@x.test' } }, redirectUri: `${origin}/api/v1/sessions/oidc/callback` });
  t.after(() => provider.stop());
  const { id } = await admin('identity-providers', 'POST', { name: 'AD FS', issuer: provider.issuer, client_id: 'kopial', client_secret: 'very secret', ca_pem: tls.pem, name_claim: 'upn' });
  const agent = new Agent({ ca: tls.pem });
  const browse = (url, { method, body, headers }) => new Promise((resume, fail) => {
    request(url, { method, agent, headers: { ...headers, ...(body ? { 'Content-Length': Buffer.byteLength(body) } : {}) } }, (response) => {
      let text = '';
      response.on('data', (piece) => { text += piece; }).on('end', () => resume({ location: response.headers.location, cookies: response.headers['set-cookie'] ?? [], body: text }));
    }).once('error', fail).end(body);
  });
  const started = await daemon.expect(201, 'POST', '/api/v1/sessions/oidc', { json: { tenant: 'keys', provider: id } });
  const back = await walk(started.url, 'ida', browse);
  const ida = await daemon.expect(201, 'POST', '/api/v1/sessions/oidc/finish', { json: { state: back.searchParams.get('state'), binding: started.binding, code: back.searchParams.get('code'), iss: back.searchParams.get('iss') } });
  const rehearse = () => admin('outage-rehearsal', 'POST', {}, 200);
  const before_it = await rehearse();
  assert.deepEqual(before_it.identity_providers, [{ identity_provider: 'AD FS', ok: true, problem: null }]);
  assert.ok(['ida@x.test', 'lost@x.test'].every((one) => before_it.who_not.includes(one)));
  const key = new Authenticator(origin);
  assert.equal((await enrol(ida.token, key)).status, 201);
  provider.stop();
  const down = await rehearse();
  assert.equal(down.identity_providers[0].ok, false);
  assert.deepEqual([down.by_passkey - before_it.by_passkey, before_it.not_at_all - down.not_at_all], [1, 1]);
  assert.ok(down.by_directory >= 1);
  assert.equal(down.users, down.by_passkey + down.by_password + down.by_directory + down.not_at_all);
  assert.ok(!down.who_not.includes('ida@x.test') && down.who_not.includes('lost@x.test'));
  const other = await daemon.call('POST', '/api/v1/sessions/oidc', { json: { tenant: 'keys', provider: id } });
  assert.ok(other.status === 503 || other.status === 201, 'an outage is told as one');
  const by_passkey = await signIn(key);
  assert.equal(by_passkey.status, 201, by_passkey.body.toString());
  assert.equal(by_passkey.json.user.username, 'ida@x.test');
  const otto = (await admin('people?limit=100')).items.find((one) => one.display_name === 'otto');
  const by_directory = await enter(otto.name, 'otto-Passw0rd');
  assert.equal(by_directory.status, 201, by_directory.body.toString());
  await ldap.halt();
  assert.equal((await enter(otto.name, 'otto-Passw0rd')).status, 503, 'a directory that is down is not a wrong password');
  assert.equal((await rehearse()).by_directory, 0);
});

test('whoever tries passkeys has to wait, too', async () => {
  const { state, options } = await begin(), key = new Authenticator(origin);
  key.user = 'AAAA';
  const statuses = [];
  for (let n = 0; n < 8; ++n) statuses.push((await daemon.call('POST', '/api/v1/sessions/passkey', { json: { state, credential: key.get(options) } })).status);
  assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
});
