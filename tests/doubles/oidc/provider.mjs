// oidc-provider (a certified OpenID provider that nobody here wrote), set up like Entra ID or like AD FS; and a provider of our own that
// says whatever a test wants, for tokens that no honest provider would give.
import { createSign, createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import { readFileSync } from 'node:fs';

const listen = (server) => new Promise((resume) => { server.listen(0, '127.0.0.1', () => resume(server.address().port)); });
const jwkOf = (pair, kid, more = {}) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256', ...more });

// {issuer, stop, rotate}. `accounts`: login name -> claims. Entra: the issuer has a path and claims tid and oid; AD FS: /adfs, upn and objectguid.
export async function startProvider({ style, tls, accounts, redirectUri }) {
  const { default: Provider } = await import('oidc-provider');
  const prefix = style === 'entra' ? '/0b6c7d1e-0000-4000-8000-000000000001/v2.0' : '/adfs';
  let current;
  const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (request, response) => {
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
    request.originalUrl = request.url;
    request.url = request.url.slice(prefix.length) || '/';
    return current(request, response);
  });
  const issuer = `https://127.0.0.1:${await listen(server)}${prefix}`;
  const make = (kid) => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const provider = new Provider(issuer, {
      clients: [{ client_id: 'kopial', client_secret: 'very secret', redirect_uris: [redirectUri], token_endpoint_auth_method: 'client_secret_post', grant_types: ['authorization_code'], response_types: ['code'] }],
      pkce: { required: () => true, methods: ['S256'] }, conformIdTokenClaims: false, features: { devInteractions: { enabled: true } },
      claims: { openid: ['sub', 'oid', 'tid', 'upn', 'preferred_username', 'email', 'objectguid'] },
      findAccount: (_, id) => (accounts[id] ? { accountId: id, claims: () => ({ sub: `${style}-${id}`, ...accounts[id] }) } : undefined),
      jwks: { keys: [{ ...pair.privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] }, cookies: { keys: ['test'] },
    });
    return provider.callback();
  };
  current = make('one');
  return { issuer, rotate: () => { current = make(`key-${randomUUID()}`); }, stop: () => { server.close(); server.closeAllConnections(); } };
}

// Walks a person through the provider's own pages: signs in, consents, and gives back where the browser is sent in the end.
export async function walk(url, login, agentFetch) {
  const jar = new Map();
  const go = async (to, form) => {
    const response = await agentFetch(to, { method: form ? 'POST' : 'GET', body: form && new URLSearchParams(form).toString(),
      headers: { Cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '), ...(form ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}) } });
    for (const one of response.cookies) { const [pair] = one.split(';'); const at = pair.indexOf('='); jar.set(pair.slice(0, at), pair.slice(at + 1)); }
    return response;
  };
  const { origin } = new URL(url);
  let answer = await go(url);
  for (let step = 0; step < 12; ++step) {
    if (answer.location) {
      const next = new URL(answer.location, url);
      if (next.origin !== origin) return next;
      answer = await go(next.href);
      continue;
    }
    const action = /action="([^"]+)"/u.exec(answer.body)?.[1], prompt = /name="prompt" value="([^"]+)"/u.exec(answer.body)?.[1];
    if (!action) throw new Error(`the provider shows: ${answer.body.slice(0, 300)}`);
    answer = await go(new URL(action, url).href, prompt === 'login' ? { prompt, login, password: 'any' } : { prompt });
  }
  throw new Error('the provider leads in circles');
}

// Says what it is told: `say(parts)` makes a token of {header, claims, sign}. Keys: 'one' and 'two'.
export async function startLiar({ tls }) {
  const pairs = { one: generateKeyPairSync('rsa', { modulusLength: 2048 }), two: generateKeyPairSync('rsa', { modulusLength: 2048 }) };
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const liar = { keys: ['one'], token: '', status: 200, requests: [], discovery: {} };
  const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; }).on('end', () => {
      liar.requests.push({ url: request.url, body });
      const say = (value, status = 200) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
      if (request.url === '/.well-known/openid-configuration') return say({ issuer: liar.issuer, authorization_endpoint: `${liar.issuer}/authorize`, token_endpoint: `${liar.issuer}/token`, jwks_uri: `${liar.issuer}/keys`, ...liar.discovery });
      if (request.url === '/keys') return say({ keys: liar.keys.map((kid) => jwkOf(pairs[kid], kid)) });
      if (request.url === '/token') return say(liar.status === 200 ? { id_token: liar.token, access_token: 'x', token_type: 'Bearer' } : { error: 'invalid_grant' }, liar.status);
      return say({}, 404);
    });
  });
  liar.issuer = `https://127.0.0.1:${await listen(server)}`;
  liar.stop = () => { server.close(); server.closeAllConnections(); };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  liar.say = ({ header = {}, claims = {}, key = 'one', how = 'rsa', cut }) => {
    const now = Math.floor(Date.now() / 1000);
    const text = `${part({ alg: 'RS256', typ: 'JWT', kid: 'one', ...header })}.${part({ iss: liar.issuer, aud: 'kopial', sub: 'anna', iat: now, exp: now + 600, ...claims })}`;
    let signature = '';
    if (how === 'rsa') signature = createSign('RSA-SHA256').update(text).sign((pairs[key] ?? stranger).privateKey).toString('base64url');
    if (how === 'hmac') signature = createHmac('sha256', pairs.one.publicKey.export({ type: 'spki', format: 'pem' })).update(text).digest('base64url');
    if (how === 'hmac-jwk') signature = createHmac('sha256', JSON.stringify(jwkOf(pairs.one, 'one'))).update(text).digest('base64url');
    liar.token = cut ? cut(`${text}.${signature}`) : `${text}.${signature}`;
  };
  liar.jwk = (kid) => jwkOf(pairs[kid] ?? stranger, kid);
  return liar;
}
