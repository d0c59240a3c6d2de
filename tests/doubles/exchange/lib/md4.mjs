// MD4 (RFC 1320): NTLM's key is made with it, and OpenSSL 3 no longer gives it.
export function md4(input) {
  const length = ((input.length + 8) >> 6) * 16 + 16, words = new Uint32Array(length);
  input.forEach((byte, at) => { words[at >> 2] |= byte << ((at % 4) * 8); });
  words[input.length >> 2] |= 0x80 << ((input.length % 4) * 8);
  words[length - 2] = input.length * 8;
  const rotate = (value, by) => ((value << by) | (value >>> (32 - by))) >>> 0;
  const rounds = [
    { of: (x, y, z) => (x & y) | (~x & z), add: 0, order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], by: [3, 7, 11, 19] },
    { of: (x, y, z) => (x & y) | (x & z) | (y & z), add: 0x5a827999, order: [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15], by: [3, 5, 9, 13] },
    { of: (x, y, z) => x ^ y ^ z, add: 0x6ed9eba1, order: [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15], by: [3, 9, 11, 15] },
  ];
  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < length; block += 16) {
    let [a, b, c, d] = state;
    for (const { of, add, order, by } of rounds) {
      order.forEach((word, step) => {
        const mixed = rotate((a + of(b, c, d) + words[block + word] + add) >>> 0, by[step % 4]);
        [a, b, c, d] = [d, mixed, b, c];
      });
    }
    state = [a, b, c, d].map((value, at) => (value + state[at]) >>> 0);
  }
  const out = Buffer.alloc(16);
  state.forEach((value, at) => out.writeUInt32LE(value, at * 4));
  return out;
}
