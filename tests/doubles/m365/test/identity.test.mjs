// The double believes an assertion only when everything about it is right.
import assert from 'node:assert/strict';
import { X509Certificate, constants, createHash, randomUUID, sign } from 'node:crypto';
import { test } from 'node:test';
import { Identity } from '../lib/identity.mjs';
import { makeCertificate } from './certificate.mjs';

const [directoryId, clientId, origin] = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222', 'https://127.0.0.1:1'];
const { key, pem } = makeCertificate(), { key: other } = makeCertificate();
const der = new X509Certificate(pem).raw;

function assertion({ alg = 'PS256', header = {}, claims = {}, signer = key } = {}) {
  const now = Math.floor(Date.now() / 1000), part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const named = alg === 'PS256' ? { 'x5t#S256': createHash('sha256').update(der).digest('base64url') } : { x5t: createHash('sha1').update(der).digest('base64url') };
  const text = `${part({ alg, typ: 'JWT', ...named, ...header })}.${part({ aud: `${origin}/${directoryId}/oauth2/v2.0/token`, iss: clientId, sub: clientId, jti: randomUUID(), nbf: now, exp: now + 600, ...claims })}`;
  const padding = alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : { padding: constants.RSA_PKCS1_PADDING };
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), { key: signer, ...padding }).toString('base64url')}`;
}

const identity = new Identity({ directoryId, clientId, clientSecret: 's' });
identity.register(pem);
const ask = (given) => {
  const form = new URLSearchParams({ client_id: clientId, scope: 'https://graph.microsoft.com/.default', grant_type: 'client_credentials', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: given });
  const { status, body } = identity.token(directoryId, form, origin);
  return status === 200 ? 200 : body.error_codes[0];
};

test('both forms of a right assertion are taken', () => assert.deepEqual([ask(assertion()), ask(assertion({ alg: 'RS256' }))], [200, 200]));

test('each thing that is wrong is refused with its code', () => {
  const now = Math.floor(Date.now() / 1000);
  const cases = [[50012, { signer: other }], [700027, { header: { 'x5t#S256': 'AAAA' } }], [700023, { claims: { aud: 'https://elsewhere' } }], [700021, { claims: { iss: 'x' } }], [700021, { claims: { sub: 'x' } }],
    [700024, { claims: { nbf: now - 4000, exp: now - 400 } }], [700024, { claims: { nbf: now + 400 } }], [50027, { header: { alg: 'none' } }], [50027, { header: { alg: 'HS256' } }]];
  for (const [code, wrong] of cases) assert.equal(ask(assertion(wrong)), code, JSON.stringify(wrong));
  const once = assertion();
  assert.deepEqual([ask(once), ask(once)], [200, 700030]);
});
