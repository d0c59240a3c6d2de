// Who asks: Basic, Bearer, NTLM version 2. NTLM signs in a connection, so its state hangs on the socket.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { md4 } from './md4.mjs';

const equal = (a, b) => a.length === b.length && timingSafeEqual(a, b);
const hmac = (key, ...pieces) => pieces.reduce((mac, piece) => mac.update(piece), createHmac('md5', key)).digest();
const utf16 = (text) => Buffer.from(text, 'utf16le');

function challengeMessage(challenge) {
  const target = utf16('DOUBLE');
  const pair = (id, value) => { const head = Buffer.alloc(4); head.writeUInt16LE(id, 0); head.writeUInt16LE(value.length, 2); return Buffer.concat([head, value]); };
  const now = Buffer.alloc(8);
  now.writeBigUInt64LE((BigInt(Date.now()) + 11_644_473_600_000n) * 10_000n);
  const info = Buffer.concat([pair(2, target), pair(1, utf16('EXCHANGE')), pair(4, utf16('double.example')), pair(7, now), pair(0, Buffer.alloc(0))]);
  const head = Buffer.alloc(48);
  head.write('NTLMSSP\0', 0, 'latin1');
  head.writeUInt32LE(2, 8);
  head.writeUInt16LE(target.length, 12);
  head.writeUInt16LE(target.length, 14);
  head.writeUInt32LE(48, 16);
  head.writeUInt32LE(0xa2898205 >>> 0, 20);  // Unicode, NTLM, target info, extended session security, 128 and 56 bits
  challenge.copy(head, 24);
  head.writeUInt16LE(info.length, 40);
  head.writeUInt16LE(info.length, 42);
  head.writeUInt32LE(48 + target.length, 44);
  return Buffer.concat([head, target, info]);
}

// {domain, username, response} of an AUTHENTICATE_MESSAGE.
function readAuthenticate(message) {
  const field = (at) => message.subarray(message.readUInt32LE(at + 4), message.readUInt32LE(at + 4) + message.readUInt16LE(at));
  return { response: field(20), domain: field(28).toString('utf16le'), username: field(36).toString('utf16le') };
}

export class Authentication {
  // `accounts`: {username (lower case) -> {password, user}}; user names are a UPN or DOMAIN\\name.
  constructor(accounts, { schemes = ['Basic', 'NTLM', 'Bearer'], tokens = new Set(), extendedProtection = false } = {}) {
    Object.assign(this, { accounts, schemes, tokens, extendedProtection });
    this.signedIn = new WeakMap();
    this.challenges = new WeakMap();
    this.stats = { basic: 0, ntlm: 0, bearer: 0, refused: 0 };
  }

  #find(username) { return this.accounts.get(username.toLowerCase()); }

  challenge(extra = {}) {
    const all = [...(this.schemes.includes('NTLM') ? ['NTLM'] : []), ...(this.schemes.includes('Basic') ? ['Basic realm="double"'] : [])];
    return { status: 401, headers: { 'WWW-Authenticate': all, ...extra } };
  }

  // {account} when somebody is signed in; else {status, headers} to answer.
  check(request) {
    const [scheme, value = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme === 'Basic' && this.schemes.includes('Basic')) {
      const text = Buffer.from(value, 'base64').toString('utf8'), at = text.indexOf(':');
      const account = this.#find(text.slice(0, at));
      if (account && equal(Buffer.from(text.slice(at + 1)), Buffer.from(account.password))) return this.stats.basic += 1, { account };
    } else if (scheme === 'Bearer' && this.schemes.includes('Bearer')) {
      if (this.tokens.has(value)) return this.stats.bearer += 1, { account: { service: true } };
      return this.stats.refused += 1, { status: 401, headers: { 'WWW-Authenticate': 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", trusted_issuers="*", token_types="app_asserted_user_v1 service_asserted_app_v1", error="invalid_token"', 'x-ms-diagnostics': '2000001;reason="The token has expired.";error_category="invalid_token"' } };
    } else if (scheme === 'NTLM' && this.schemes.includes('NTLM')) {
      return this.#ntlm(request, Buffer.from(value, 'base64'));
    } else if (!scheme && this.signedIn.has(request.socket)) {
      return { account: this.signedIn.get(request.socket) };
    }
    if (scheme) this.stats.refused += 1;
    return this.challenge();
  }

  #ntlm(request, message) {
    if (message.length < 12 || message.subarray(0, 8).toString('latin1') !== 'NTLMSSP\0') return this.challenge();
    if (message.readUInt32LE(8) === 1) {
      const challenge = randomBytes(8);
      this.challenges.set(request.socket, challenge);
      return { status: 401, headers: { 'WWW-Authenticate': `NTLM ${challengeMessage(challenge).toString('base64')}` } };
    }
    const challenge = this.challenges.get(request.socket);
    if (!challenge || message.readUInt32LE(8) !== 3) return this.challenge();
    this.challenges.delete(request.socket);
    const { domain, username, response } = readAuthenticate(message);
    const account = this.#find(domain ? `${domain}\\${username}` : username) ?? this.#find(username);
    if (account && response.length > 24) {
      const key = hmac(md4(utf16(account.password)), utf16(username.toUpperCase() + domain));
      const proof = response.subarray(0, 16), blob = response.subarray(16);
      // MsvAvChannelBindings (10) inside the blob's pairs is what Extended Protection demands.
      const bound = !this.extendedProtection || blob.includes(Buffer.from([10, 0, 16, 0]));
      if (bound && equal(proof, hmac(key, challenge, blob))) {
        this.signedIn.set(request.socket, account);
        this.stats.ntlm += 1;
        return { account };
      }
    }
    this.stats.refused += 1;
    return this.challenge();
  }
}
