// A passkey in software, for tests: makes what an authenticator and a browser would give, and can be told to lie about any part of it.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const url64 = (bytes) => Buffer.from(bytes).toString('base64url');

// CBOR (RFC 8949), as much of it as keys take: integers, bytes, texts, maps.
export function cbor(value) {
  const head = (major, n) => (n < 24 ? Buffer.from([major << 5 | n]) : n < 256 ? Buffer.from([major << 5 | 24, n]) : Buffer.from([major << 5 | 25, n >> 8, n & 255]));
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, one]) => [cbor(key), cbor(one)])]);
}

const kinds = {
  ES256: { make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }), hash: 'sha256', cose: (jwk) => new Map([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(jwk.x, 'base64url')], [-3, Buffer.from(jwk.y, 'base64url')]]) },
  EdDSA: { make: () => generateKeyPairSync('ed25519'), hash: null, cose: (jwk) => new Map([[1, 1], [3, -8], [-1, 6], [-2, Buffer.from(jwk.x, 'base64url')]]) },
  RS256: { make: () => generateKeyPairSync('rsa', { modulusLength: 2048 }), hash: 'sha256', cose: (jwk) => new Map([[1, 3], [3, -257], [-1, Buffer.from(jwk.n, 'base64url')], [-2, Buffer.from(jwk.e, 'base64url')]]) },
};

export class Authenticator {
  counter = 0;
  constructor(origin, { kind = 'ES256', id = randomBytes(32) } = {}) {
    Object.assign(this, { origin, id, kind: kinds[kind], pair: kinds[kind].make() });
  }
  // Flags: 1 somebody was there, 4 he showed that it is he, 0x40 a key follows.
  #data(rp, flags, rest = Buffer.alloc(0)) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.counter);
    return Buffer.concat([sha256(rp), Buffer.from([flags]), count, rest]);
  }
  #client(type, options, lies) {
    return Buffer.from(JSON.stringify({ type, challenge: options.challenge, origin: this.origin, crossOrigin: false, ...lies }));
  }
  create(options, { flags = 0x45, rp = options.rp.id, client = {}, authData, attestation, key } = {}) {
    this.user = options.user.id;
    const size = Buffer.alloc(2);
    size.writeUInt16BE(this.id.length);
    const data = authData ?? this.#data(rp, flags, Buffer.concat([Buffer.alloc(16), size, this.id, cbor(key ?? this.kind.cose(this.pair.publicKey.export({ format: 'jwk' })))]));
    const object = attestation ?? cbor(new Map([['fmt', 'none'], ['attStmt', new Map()], ['authData', data]]));
    return { id: url64(this.id), rawId: url64(this.id), type: 'public-key', clientExtensionResults: {}, response: { clientDataJSON: url64(this.#client('webauthn.create', options, client)), attestationObject: url64(object), transports: ['internal'] } };
  }
  get(options, { flags = 0x05, rp = options.rpId, client = {}, signer, user = this.user, cut, count } = {}) {
    this.counter = count ?? this.counter + 1;
    const data = this.#data(rp, flags), text = this.#client('webauthn.get', options, client);
    let signature = sign(this.kind.hash, Buffer.concat([data, sha256(text)]), (signer ?? this.pair).privateKey);
    if (cut) signature = cut(signature);
    return { id: url64(this.id), rawId: url64(this.id), type: 'public-key', clientExtensionResults: {}, response: { clientDataJSON: url64(text), authenticatorData: url64(data), signature: url64(signature), ...(user === null ? {} : { userHandle: user }) } };
  }
}
