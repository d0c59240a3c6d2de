// Signing in: identity providers (a real one, and one that lies), codes, sessions, guessing.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon } from '../../support/daemon.mjs';
import { makeCertificate } from '../../support/directory_servers.mjs';
import { startLiar, startProvider, walk } from '../../doubles/oidc/provider.mjs';

const daemon = new Daemon();
const redirectUri = 'https://archive.example/api/v1/sessions/oidc/callback';
appendFileSync(daemon.config, 'public_url = "https://archive.example"\n');
const folder = mkdtempSync(join(tmpdir(), 'kopial-sign-in-'));
const tls = makeCertificate(folder);
const tid = '0b6c7d1e-0000-4000-8000-000000000001', oid = '11111111-0000-4000-8000-000000000001';
let tenant, directory;

before(async () => {
  await daemon.start();
  tenant = await daemon.tenant('sign');
  ({ id: directory } = await admin('directories', 'POST', { name: 'T', kind: 'csv', losses_share_max: 1,
    csv: `id,upn,display_name,addresses\n${oid},anna@x.test,Anna,anna@x.test\n3f2504e0-4f89-11d3-9a0c-0305e82c3301,bert@x.test,Bert,bert@x.test\nc,carl@x.test,Carl,carl@x.test\nd,dora@x.test,Dora,dora@x.test\n` }));
  await admin(`directories/${directory}/sync`, 'POST', {}, 200);
});
after(async () => { await daemon.remove(); rmSync(folder, { recursive: true }); });

const admin = (path, method = 'GET', json = undefined, status = method === 'POST' ? 201 : 200) => daemon.expect(status, method, `${tenant.at}/${path}`, { token: tenant.admin, json });
const add = (issuer, more = {}) => admin('identity-providers', 'POST', { name: issuer, issuer, client_id: 'kopial', client_secret: 'very secret', ca_pem: tls.pem, ...more });
const begin = async (provider) => {
  const started = await daemon.expect(201, 'POST', '/api/v1/sessions/oidc', { json: { tenant: 'sign', provider } });
  const url = new URL(started.url);
  return { ...started, state: url.searchParams.get('state'), nonce: url.searchParams.get('nonce'), challenge: url.searchParams.get('code_challenge') };
};
const finish = (begun, more = {}) => daemon.call('POST', '/api/v1/sessions/oidc/finish', { json: { state: begun.state, binding: begun.binding, code: 'code', ...more } });
const agent = new Agent({ ca: tls.pem });
const browse = (url, { method, body, headers }) => new Promise((resume, fail) => {
  const asked = request(url, { method, agent, headers: { ...headers, ...(body ? { 'Content-Length': Buffer.byteLength(body) } : {}) } }, (response) => {
    let text = '';
    response.on('data', (piece) => { text += piece; }).on('end', () => resume({ status: response.statusCode, location: response.headers.location, cookies: response.headers['set-cookie'] ?? [], body: text }));
  });
  asked.once('error', fail).end(body);
});

const missing = existsSync(new URL('../../doubles/oidc/node_modules', import.meta.url)) ? false : 'SKIPPED LOUDLY: oidc-provider is not installed (npm ci in tests/doubles/oidc)';
for (const style of ['entra', 'adfs']) {
  test(`a real provider, set up like ${style === 'entra' ? 'Entra ID' : 'AD FS'}`, { skip: missing }, async (t) => {
    const accounts = style === 'entra'
      ? { anna: { oid, tid, preferred_username: 'renamed@y.test' }, guest: { oid: '99999999-0000-4000-8000-000000000001', tid, preferred_username: 'carl_x.test#EXT#@y.test', email: 'carl@x.test' }, mail: { oid: '99999999-0000-4000-8000-000000000002', tid, email: 'anna@x.test', preferred_username: 'else@y.test' } }
      : { bert: { upn: 'changed@x.test', objectguid: '4AQlP4lP0xGaDAMF6CwzAQ==' }, carl: { upn: 'carl@x.test' }, thief: { upn: 'carl@x.test' }, boss: { upn: 'admin' } };
    const provider = await startProvider({ style, tls, accounts, redirectUri });
    t.after(() => provider.stop());
    const { id } = await add(provider.issuer, style === 'entra' ? { identity: 'entra', tenants: [tid], directory, object_claim: 'oid', name_claim: 'preferred_username' } : { directory, object_claim: 'objectguid', name_claim: 'upn' });
    assert.deepEqual(await admin(`identity-providers/${id}/check`, 'POST', {}, 200), { ok: true, problem: null });
    const through = async (login) => {
      const begun = await begin(id);
      const back = await walk(begun.url, login, browse);
      assert.equal(back.origin + back.pathname, redirectUri);
      assert.equal(back.searchParams.get('state'), begun.state);
      return { begun, code: back.searchParams.get('code'), iss: back.searchParams.get('iss') ?? undefined };
    };
    const signIn = async (login) => { const one = await through(login); return finish(one.begun, { code: one.code, iss: one.iss }); };

    const [who, expected] = style === 'entra' ? ['anna', 'anna@x.test'] : ['bert', 'bert@x.test'];
    const first = await signIn(who);
    assert.equal(first.status, 201, first.body.toString());
    assert.equal(first.json.user.username, expected, 'by the immutable id, whatever the name');
    assert.equal((await daemon.call('GET', '/api/v1/sessions/current', { token: first.json.token })).status, 200);
    if (style === 'entra') {
      for (const one of ['guest', 'mail']) assert.equal((await signIn(one)).status, 401, `${one}: an address or a guest's name identifies nobody`);
    } else {
      assert.equal((await signIn('carl')).json.user.username, 'carl@x.test', 'by name, the first time');
      assert.equal((await signIn('thief')).status, 401, 'the same name from another identity');
      assert.equal((await signIn('boss')).status, 401, 'an account with a role is never bound by name');
    }
    if (style === 'adfs') {
      const carl = (await admin('users?limit=1000')).items.find((one) => one.username === 'carl@x.test').id;
      await daemon.expect(204, 'DELETE', `${tenant.at}/users/${carl}/identities`, { token: tenant.admin });
      assert.equal((await signIn('thief')).status, 201, 'his account at the provider is another one now: an administrator let him be bound anew');
      assert.equal((await signIn('carl')).status, 401);
      assert.equal((await daemon.call('DELETE', `${tenant.at}/users/nobody/identities`, { token: tenant.admin })).status, 404);
    }
    const one = await through(who);
    assert.equal((await finish(one.begun, { code: one.code, iss: one.iss })).status, 201);
    assert.equal((await finish(one.begun, { code: one.code, iss: one.iss })).status, 401, 'a state is good once');
    const replay = await begin(id);
    assert.equal((await finish(replay, { code: one.code, iss: one.iss })).status, 401, 'a code is good once');
    const stolen = await through(who);
    assert.equal((await finish({ ...stolen.begun, binding: 'another-browser' }, { code: stolen.code, iss: stolen.iss })).status, 401);
    const mixed = await through(who);
    assert.equal((await finish(mixed.begun, { code: mixed.code, iss: 'https://evil.example' })).status, 401, 'an answer of another issuer');
    provider.rotate();
    assert.equal((await signIn(who)).status, 201, 'keys changed without notice');
    const in_browser = await daemon.call('POST', '/api/v1/sessions/oidc', { json: { tenant: 'sign', provider: id }, headers: { 'X-Kopial-Client': 'browser' } });
    assert.equal(in_browser.json.binding, undefined);
    const cookie = in_browser.headers['set-cookie'][0];
    assert.match(cookie, /Secure; HttpOnly; SameSite=Lax/u);
    const back = await walk(in_browser.json.url, who, browse);
    const landed = await daemon.call('GET', `/api/v1/sessions/oidc/callback${back.search}`, { headers: { Cookie: cookie.split(';')[0] } });
    assert.equal(landed.status, 303);
    assert.ok(landed.headers['set-cookie'].some((one_cookie) => /^__Host-kopial=\S+; Path=\/; Secure; HttpOnly; SameSite=Strict$/u.test(one_cookie)));
    assert.equal(landed.headers.location, '/');
    provider.stop();
    const down = await finish(await begin(id), { iss: provider.issuer });
    assert.equal(down.status, 503, 'an outage is not a wrong password');
  });
}

test('tokens that no honest provider gives', async (t) => {
  const liar = await startLiar({ tls });
  t.after(() => liar.stop());
  const { id } = await add(liar.issuer, { identity: 'subject', directory, object_claim: 'oid' });
  const tried = async (parts, more) => {
    const begun = await begin(id);
    liar.say({ ...parts, claims: { nonce: begun.nonce, oid, ...parts.claims } });
    return finish(begun, more);
  };
  const now = Math.floor(Date.now() / 1000);
  assert.equal((await tried({})).status, 201, 'the control: an honest one is taken');
  const bad = {
    'another issuer': { claims: { iss: 'https://evil.example' } }, 'an issuer with a slash more': { claims: { iss: `${liar.issuer}/` } }, 'no issuer': { claims: { iss: undefined } },
    'another audience': { claims: { aud: 'other' } }, 'no audience': { claims: { aud: undefined } }, 'several audiences, not made for us': { claims: { aud: ['kopial', 'other'], azp: 'other' } },
    'several audiences, for nobody': { claims: { aud: ['kopial', 'other'] } }, 'made for another': { claims: { azp: 'other' } },
    'another nonce': { claims: { nonce: 'x' } }, 'no nonce': { claims: { nonce: undefined } },
    'expired': { claims: { exp: now - 3600 } }, 'no end': { claims: { exp: undefined } }, 'an end that is no number': { claims: { exp: '9999999999' } },
    'of the future': { claims: { iat: now + 3600 } }, 'no beginning': { claims: { iat: undefined } }, 'not yet': { claims: { nbf: now + 3600 } },
    'no subject': { claims: { sub: undefined } }, 'a subject that is a number': { claims: { sub: 7 } },
    'algorithm none': { header: { alg: 'none' }, how: 'none' }, 'algorithm None': { header: { alg: 'None' }, how: 'none' }, 'none, with a signature': { header: { alg: 'none' } },
    'no algorithm': { header: { alg: undefined } }, 'HS256 with the public key': { header: { alg: 'HS256' }, how: 'hmac' }, 'HS256 with the JWK': { header: { alg: 'HS256' }, how: 'hmac-jwk' },
    'ES256 said, RSA signed': { header: { alg: 'ES256' } }, 'RS512 said, RS256 signed': { header: { alg: 'RS512' } },
    'a stranger\'s key': { key: 'stranger' }, 'a key of its own in the head': { key: 'stranger', header: { jwk: liar.jwk('stranger'), kid: 'stranger' } },
    'a key from elsewhere': { key: 'stranger', header: { jku: 'https://evil.example/keys', kid: 'x' } }, 'kid as a path': { key: 'stranger', header: { kid: '../../../../dev/null' } },
    'kid as SQL': { key: 'stranger', header: { kid: '\' OR 1=1 --' } }, 'kid as a list': { header: { kid: ['one'] }, key: 'stranger' }, 'kid of another key': { key: 'two', header: { kid: 'one' } },
    'an extension that must be understood': { header: { crit: ['exp'], exp: 1 } },
    'a signature that is cut': { cut: (token) => token.slice(0, -4) }, 'claims that were changed': { cut: (token) => { const [h, p, s] = token.split('.'); return `${h}.${p.slice(0, -2)}${p.endsWith('AA') ? 'BB' : 'AA'}.${s}`; } },
    'four parts': { cut: (token) => `${token}.x` }, 'no parts': { cut: () => 'token' }, 'a token too large': { cut: (token) => token + 'A'.repeat(100_000) }, 'nothing': { cut: () => '' },
  };
  for (const [name, parts] of Object.entries(bad)) {
    const answer = await tried(parts);
    assert.equal(answer.status, 401, `${name}: ${answer.status} ${answer.body.toString().slice(0, 200)}`);
    assert.ok(answer.body.length < 1000, name);
  }
  assert.equal((await tried({ claims: { sub: 'mallory', oid: undefined, email: 'anna@x.test', email_verified: true, upn: 'anna@x.test' } })).status, 401, 'an e-mail address as identity');
  assert.equal((await tried({ claims: { sub: 'mallory' } })).status, 401, 'a second identity for the same object');
  liar.status = 400;
  assert.equal((await tried({})).status, 401);
  liar.status = 200;

  await t.test('the verifier goes to the provider, and is what the challenge promised', async () => {
    const begun = await begin(id);
    liar.say({ claims: { nonce: begun.nonce, oid } });
    liar.requests.length = 0;
    await finish(begun);
    const form = new URLSearchParams(liar.requests.find((one) => one.url === '/token').body);
    const { createHash } = await import('node:crypto');
    assert.equal(createHash('sha256').update(form.get('code_verifier')).digest('base64url'), begun.challenge);
    assert.equal(form.get('redirect_uri'), redirectUri);
  });
  await t.test('forged tokens cannot make the daemon fetch keys without end', async () => {
    liar.requests.length = 0;
    for (let n = 0; n < 20; ++n) await tried({ key: 'stranger', header: { kid: `k${n}` } });
    assert.ok(liar.requests.filter((one) => one.url === '/keys').length <= 1);
  });
  await t.test('whoever begins many keeps nobody out, and what was begun here cannot be made elsewhere', async () => {
    for (let n = 0; n < 300; ++n) await begin(id);
    const begun = await begin(id);
    liar.say({ claims: { nonce: begun.nonce, oid } });
    for (const binding of [begun.binding.slice(0, -2), (await begin(id)).binding, Buffer.from('{}').toString('base64url'), 'x'.repeat(3000)]) {
      assert.ok([400, 401].includes((await finish(begun, { binding })).status));
    }
    assert.equal((await finish(begun)).status, 201);
  });
  await t.test('a provider that calls itself otherwise is refused', async () => {
    const other = await startLiar({ tls });
    t.after(() => other.stop());
    other.discovery = { issuer: liar.issuer };
    const made = await add(other.issuer);
    assert.match((await admin(`identity-providers/${made.id}/check`, 'POST', {}, 200)).problem, /calls itself/u);
  });
  await t.test('what cannot be set', async () => {
    for (const [json, said] of [[{ name_claim: 'email' }, /identifies nobody/u], [{ issuer: 'http://idp.example' }, /https/u], [{ issuer: 'https://login.example/{tenantid}/v2.0' }, /tenants/u], [{ scopes: 'profile' }, /openid/u], [{ colour: 'red' }, /colour/u]]) {
      const answer = await daemon.call('POST', `${tenant.at}/identity-providers`, { token: tenant.admin, json: { name: 'x', issuer: 'https://idp.example', client_id: 'x', ...json } });
      assert.equal(answer.status, 400);
      assert.match(answer.json.detail, said);
    }
    const shown = JSON.stringify((await admin('identity-providers')).items);
    assert.ok(!shown.includes('very secret'));
  });
});

const base32 = (text) => { let bits = ''; for (const c of text) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'); return Buffer.from(bits.match(/.{8}/gu).map((one) => parseInt(one, 2))); };
function totp(secret, at = Date.now()) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const digest = createHmac('sha1', base32(secret)).update(counter).digest(), offset = digest[19] & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
const enter = (username, password, more = {}, headers = {}) => daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'sign', username, password, ...more }, headers });
async function local(username) {
  const user = await admin('users', 'POST', { username, roles: ['user'], addresses: [] });
  const { token } = await daemon.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant: 'sign', username, code: user.one_time_code, password: `${username} has a long password` } });
  return { id: user.id, token, password: `${username} has a long password` };
}

test('codes by time, recovery codes, and showing once more that it is you', async () => {
  const { id, token, password } = await local('emma');
  const me = (method, path, json, status) => daemon.expect(status, method, `/api/v1/me/${path}`, { token, json });
  const { secret, uri } = await me('POST', 'second-factor', {}, 201);
  assert.match(uri, /^otpauth:\/\/totp\/Kopial:emma\?secret=/u);
  assert.equal((await enter('emma', password)).status, 201, 'without effect until it is confirmed');
  assert.equal((await daemon.call('POST', '/api/v1/me/second-factor/confirm', { token, json: { totp: '000000' } })).status, 400);
  const { recovery_codes: codes } = await me('POST', 'second-factor/confirm', { totp: totp(secret, Date.now() - 30_000) }, 200);
  assert.equal(codes.length, 10);
  const without = await enter('emma', password);
  assert.equal(without.status, 401);
  assert.match(without.json.detail, /totp/u);
  assert.doesNotMatch((await enter('emma', 'wrong password')).json.detail, /totp/u, 'said only to who knows the password');
  const code = totp(secret);
  assert.equal((await enter('emma', password, { totp: code })).status, 201);
  assert.equal((await enter('emma', password, { totp: code })).status, 401, 'a code is good once');
  assert.equal((await enter('emma', password, { totp: codes[0].toUpperCase() })).status, 201);
  assert.equal((await enter('emma', password, { totp: codes[0] })).status, 401, 'a recovery code is good once');
  assert.equal((await me('GET', 'second-factor', undefined, 200)).recovery_codes, 9);
  await daemon.expect(204, 'DELETE', `${tenant.at}/users/${id}/second-factor`, { token: tenant.admin });
  assert.equal((await enter('emma', password)).status, 201);
  assert.equal((await daemon.call('POST', '/api/v1/sessions/current/verify', { token, json: { password: 'wrong' } })).status, 403);
  await daemon.expect(204, 'POST', '/api/v1/sessions/current/verify', { token, json: { password } });
  const made = await daemon.expect(201, 'POST', `${tenant.at}/tokens`, { token: tenant.admin, json: { name: 'script' } });
  const by_token = await daemon.call('POST', `${tenant.at}/identity-providers`, { token: made.token, json: {} });
  assert.equal(by_token.status, 403);
  assert.match(by_token.json.detail, /token/u);
});

test('a password is changed by its owner, and a one-time code is no way around the second factor', async () => {
  const { id, token, password } = await local('hugo');
  const other = (await enter('hugo', password)).json.token;
  const change = (json) => daemon.call('POST', '/api/v1/me/password', { token, json });
  assert.equal((await change({ password: 'passwordpassword' })).status, 400);
  assert.equal((await change({ password: 'hugo likes another one' })).status, 204);
  assert.equal((await daemon.call('GET', '/api/v1/sessions/current', { token })).status, 200);
  assert.equal((await daemon.call('GET', '/api/v1/sessions/current', { token: other })).status, 401, 'sessions elsewhere end');
  assert.equal((await enter('hugo', password)).status, 401);
  assert.equal((await enter('hugo', 'hugo likes another one')).status, 201);
  const { secret } = await daemon.expect(201, 'POST', '/api/v1/me/second-factor', { token, json: {} });
  const { recovery_codes: codes } = await daemon.expect(200, 'POST', '/api/v1/me/second-factor/confirm', { token, json: { totp: totp(secret) } });
  const renewed = await daemon.expect(200, 'PATCH', `${tenant.at}/users/${id}`, { token: tenant.admin, json: { renew_one_time_code: true } });
  const redeem = (more) => daemon.call('POST', '/api/v1/sessions/redeem', { json: { tenant: 'sign', username: 'hugo', code: renewed.one_time_code, password: 'hugo was given a code', ...more } });
  assert.equal((await redeem({})).status, 401);
  assert.equal((await enter('hugo', 'hugo likes another one', { totp: codes[0] })).status, 201, 'nothing was changed');
  assert.equal((await redeem({ totp: codes[1] })).status, 201);
  const made = await daemon.expect(201, 'POST', `${tenant.at}/tokens`, { token: tenant.admin, json: { name: 'script' } });
  const by_token = (path, method, json) => daemon.call(method, `${tenant.at}/${path}`, { token: made.token, json });
  assert.equal((await by_token('users', 'POST', { username: 'officer2', roles: ['compliance_officer'], addresses: [] })).status, 403, 'a token gives no role');
  assert.equal((await by_token('users', 'POST', { username: 'plain', roles: ['user'], addresses: [] })).status, 201);
  assert.equal((await by_token(`users/${id}`, 'PATCH', { roles: ['user', 'auditor'] })).status, 403);
  assert.equal((await by_token(`users/${id}`, 'PATCH', { renew_one_time_code: true })).status, 403);
  assert.equal((await by_token(`users/${id}`, 'PATCH', { display_name: 'Hugo' })).status, 200);
  assert.equal((await by_token('access-policy', 'PATCH', { four_eyes: false })).status, 403);
});

test('sessions are listed and ended', async () => {
  const { id, password } = await local('finn');
  const one = (await enter('finn', password)).json.token, other = (await enter('finn', password)).json.token;
  const { items } = await daemon.expect(200, 'GET', '/api/v1/me/sessions', { token: one });
  assert.equal(items.length, 3);
  assert.deepEqual(items.map((session) => session.how).sort(), ['one-time code', 'password', 'password']);
  assert.equal(items.filter((session) => session.current).length, 1);
  assert.ok(!JSON.stringify(items).includes(one.split('.')[1]));
  const mine = (await daemon.expect(200, 'GET', '/api/v1/me/sessions', { token: other })).items.find((session) => session.current).id;
  assert.equal((await daemon.call('DELETE', `/api/v1/me/sessions/${mine}`, { token: tenant.officer })).status, 404, 'not somebody else\'s');
  await daemon.expect(204, 'DELETE', `/api/v1/me/sessions/${mine}`, { token: one });
  assert.equal((await daemon.call('GET', '/api/v1/sessions/current', { token: other })).status, 401);
  await daemon.expect(204, 'DELETE', `${tenant.at}/users/${id}/sessions`, { token: tenant.admin });
  assert.equal((await daemon.call('GET', '/api/v1/sessions/current', { token: one })).status, 401);
});

test('an outage is rehearsed before it happens', async () => {
  const answer = await admin('outage-rehearsal', 'POST', {}, 200);
  assert.equal(answer.users, answer.by_password + answer.by_directory + answer.not_at_all);
  assert.ok(answer.who_not.includes('anna@x.test'), 'she has neither a password here nor a directory with one');
  assert.ok(!answer.who_not.includes('admin'));
});

test('names are not told apart, and guessing is slowed down', async () => {
  const { password } = await local('gina');
  const said = async (name) => { const answer = await enter(name, 'a wrong password'); return [answer.status, answer.json.detail, answer.json.code]; };
  assert.deepEqual(await said('gina'), await said('nobody-of-this-name'));
  assert.deepEqual(await said('gina'), (await (async () => { const answer = await daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'no-such', username: 'x', password: 'a wrong password' } }); return [answer.status, answer.json.detail, answer.json.code]; })()));
  let statuses = [];
  for (let n = 0; n < 8; ++n) statuses.push((await enter(n % 2 ? 'GINA' : 'gina', 'a wrong password')).status);
  assert.equal(statuses.at(-1), 429, 'another spelling of a name is the same name');
  assert.equal((await enter('gina', password)).status, 429);
});
