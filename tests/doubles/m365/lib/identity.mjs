// The part of Entra that a daemon meets: discovery, keys, and tokens for client credentials.
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';

const life = 3599;

export class Identity {
  constructor(organisation) {
    this.organisation = organisation;
    this.keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.generation = 0;
  }

  discovery(origin) {
    const base = `${origin}/${this.organisation.directoryId}`;
    return { token_endpoint: `${base}/oauth2/v2.0/token`, issuer: `${base}/v2.0`, authorization_endpoint: `${base}/oauth2/v2.0/authorize`, jwks_uri: `${base}/discovery/v2.0/keys`,
      end_session_endpoint: `${base}/oauth2/v2.0/logout`, response_types_supported: ['code'], subject_types_supported: ['pairwise'], id_token_signing_alg_values_supported: ['RS256'] };
  }

  jwks() { return { keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), kid: 'double', use: 'sig', alg: 'RS256' }] }; }

  // All tokens that were given out are refused from now on.
  expireAll() { this.generation += 1; }

  token(directory, form) {
    const refuse = (status, error, code, text) => ({
      status,
      body: { error, error_description: `AADSTS${code}: ${text} Trace ID: ${randomUUID()} Timestamp: ${new Date().toISOString()}`, error_codes: [code], correlation_id: randomUUID() },
    });
    const { directoryId, clientId, clientSecret } = this.organisation;
    if (directory.toLowerCase() !== directoryId) return refuse(400, 'invalid_request', 90002, `Tenant '${directory}' not found.`);
    if (form.get('grant_type') !== 'client_credentials') return refuse(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.');
    if (form.get('client_id') !== clientId) return refuse(400, 'unauthorized_client', 700016, `Application with identifier '${form.get('client_id')}' was not found in the directory.`);
    if (form.get('client_secret') !== clientSecret) return refuse(401, 'invalid_client', 7000215, 'Invalid client secret provided.');
    if (!/^https:\/\/[^ ]+\/\.default$/u.test(form.get('scope') ?? '')) return refuse(400, 'invalid_scope', 70011, 'The provided value for scope is not valid.');
    const now = Math.floor(Date.now() / 1000);
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unsigned = `${part({ alg: 'RS256', typ: 'JWT', kid: 'double' })}.${part({ aud: 'https://graph.microsoft.com', appid: clientId, tid: directoryId, iat: now, exp: now + life, gen: this.generation })}`;
    const signature = createSign('RSA-SHA256').update(unsigned).sign(this.keys.privateKey).toString('base64url');
    return { status: 200, body: { token_type: 'Bearer', expires_in: life, ext_expires_in: life, access_token: `${unsigned}.${signature}` } };
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
