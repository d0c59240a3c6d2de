// The part of Entra that a daemon meets: discovery, keys, and tokens for client credentials, with a secret or a certificate.
import { X509Certificate, constants, createHash, createSign, generateKeyPairSync, randomUUID, verify } from 'node:crypto';

const life = 3599, skew = 300;
const bearer = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export class Identity {
  constructor(organisation) {
    this.organisation = organisation;
    this.keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.generation = 0;
    this.certificates = [];  // registered with the application
    this.used = new Set();   // ids of assertions: each is good once
    this.seen = [];          // what assertions were signed with
    this.life = life;
  }

  register(pem) { this.certificates.push(new X509Certificate(pem)); }

  // What is wrong with an assertion, as [status, error, code, text]; null when it proves the application.
  #judge(assertion, tokenEndpoint) {
    const bad = (code, text) => [401, 'invalid_client', code, text];
    const [head, body, signature, ...more] = assertion.split('.');
    let header, claims;
    try {
      [header, claims] = [head, body].map((part) => JSON.parse(Buffer.from(part, 'base64url')));
    } catch {
      return bad(50027, 'JWT token is invalid or malformed.');
    }
    if (more.length || !['PS256', 'RS256'].includes(header.alg) || header.typ !== 'JWT') return bad(50027, 'JWT token is invalid or malformed.');
    const named = header['x5t#S256'] ?? header.x5t;
    const hash = header['x5t#S256'] ? 'sha256' : 'sha1';
    const certificate = this.certificates.find((one) => createHash(hash).update(one.raw).digest('base64url') === named);
    if (!certificate) return bad(700027, `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '${named}'].`);
    if (new Date(certificate.validTo) < new Date()) return bad(7000271, 'The certificate with identifier used to sign the client assertion is expired.');
    const padding = header.alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : { padding: constants.RSA_PKCS1_PADDING };
    if (!verify('RSA-SHA256', Buffer.from(`${head}.${body}`), { key: certificate.publicKey, ...padding }, Buffer.from(signature ?? '', 'base64url'))) return bad(50012, 'Client assertion contains an invalid signature.');
    const { clientId, directoryId } = this.organisation;
    if (claims.iss !== clientId || claims.sub !== clientId) return bad(700021, 'Client assertion application identifier doesn\'t match \'client_id\' parameter.');
    if (![tokenEndpoint, tokenEndpoint.replace('/oauth2/v2.0/token', '/v2.0'), `https://login.microsoftonline.com/${directoryId}/v2.0`].includes(claims.aud)) return bad(700023, 'Client assertion audience claim does not match Realm issuer.');
    const now = Date.now() / 1000;
    if (!(claims.nbf <= now + skew) || !(claims.exp > now - skew) || claims.exp - claims.nbf > 3600) return bad(700024, 'Client assertion is not within its valid time range.');
    if (typeof claims.jti !== 'string' || this.used.has(claims.jti)) return bad(700030, 'The assertion was used before.');
    this.used.add(claims.jti);
    this.seen.push({ alg: header.alg, header: header['x5t#S256'] ? 'x5t#S256' : 'x5t' });
    return null;
  }

  discovery(origin) {
    const base = `${origin}/${this.organisation.directoryId}`;
    return { token_endpoint: `${base}/oauth2/v2.0/token`, issuer: `${base}/v2.0`, authorization_endpoint: `${base}/oauth2/v2.0/authorize`, jwks_uri: `${base}/discovery/v2.0/keys`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`, response_types_supported: ['code'], subject_types_supported: ['pairwise'], id_token_signing_alg_values_supported: ['RS256'] };
  }

  jwks() { return { keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), kid: 'double', use: 'sig', alg: 'RS256' }] }; }

  // All tokens that were given out are refused from now on.
  expireAll() { this.generation += 1; }

  token(directory, form, origin) {
    const refuse = (status, error, code, text) => ({
      status,
      body: { error, error_description: `AADSTS${code}: ${text} Trace ID: ${randomUUID()} Timestamp: ${new Date().toISOString()}`, error_codes: [code], correlation_id: randomUUID() },
    });
    const { directoryId, clientId, clientSecret } = this.organisation;
    if (directory.toLowerCase() !== directoryId) return refuse(400, 'invalid_request', 90002, `Tenant '${directory}' not found.`);
    if (form.get('grant_type') !== 'client_credentials') return refuse(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
    if (form.get('client_id') !== clientId) return refuse(400, 'unauthorized_client', 700016, `Application with identifier '${form.get('client_id')}' was not found in the directory.`);
    if (form.get('client_assertion_type') === bearer) {
      const wrong = this.#judge(form.get('client_assertion') ?? '', `${origin}/${directory}/oauth2/v2.0/token`);
      if (wrong) return refuse(...wrong);
    } else if (!form.get('client_secret')) {
      return refuse(401, 'invalid_client', 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.");
    } else if (form.get('client_secret') !== clientSecret) {
      return refuse(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
    }
    if (this.refusal) return refuse(this.refusal.status ?? 400, this.refusal.error, this.refusal.code, this.refusal.text ?? 'Refused.');
    if (!/^https:\/\/[^ ]+\/\.default$/u.test(form.get('scope') ?? '')) return refuse(400, 'invalid_scope', 70011, 'The provided value for scope is not valid.');
    const now = Math.floor(Date.now() / 1000);
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${part({ alg: 'RS256', typ: 'JWT', kid: 'double' })}.${part({ aud: 'https://graph.microsoft.com', appid: clientId, tid: directoryId, iat: now, exp: now + this.life, gen: this.generation })}`;
    const signature = createSign('RSA-SHA256').update(unsigned).sign(this.keys.privateKey).toString('base64url');
    return { status: 200, body: { token_type: 'Bearer', expires_in: this.life, ext_expires_in: this.life, access_token: `${unsigned}.${signature}` } };
  }

  // Tokens are long and asked about with each request: one that was checked is remembered until they are all expired.
  accepts(authorization) {
    const token = /^Bearer (\S+)$/u.exec(authorization ?? '')?.[1];
    if (!token) return false;
    try {
      const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      return claims.gen === this.generation && claims.exp > Date.now() / 1000 && this.#isOurs(token);
    } catch {
      return false;
    }
  }

  #known = new Set();
  #isOurs(token) {
    if (this.#known.has(token)) return true;
    const at = token.lastIndexOf('.');
    const expected = createSign('RSA-SHA256').update(token.slice(0, at)).sign(this.keys.privateKey).toString('base64url');
    if (expected !== token.slice(at + 1)) return false;
    this.#known.add(token);
    return true;
  }
}
