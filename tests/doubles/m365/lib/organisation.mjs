// The people and their mail: from a folder with organisation.json and mail/<upn>/<folder>/*.eml, and, when asked for, made by rule.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Mailbox } from './mailbox.mjs';

const uuidOf = (text) => createHash('sha256').update(text).digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/u, '$1-$2-$3-$4-$5');

function receivedOf(bytes) {
  const found = /^Date:\s*(.+)$/imu.exec(bytes.subarray(0, 8192).toString('latin1'));
  const time = new Date(found?.[1] ?? NaN);
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

function loadMail(mailbox, root, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) loadMail(mailbox, root, path);
    else if (entry.name.endsWith('.eml')) {
      const bytes = readFileSync(path);
      mailbox.add(mailbox.folder(relative(root, folder)), () => bytes, { received: receivedOf(bytes) });
    }
  }
}

// Mail without end from little memory: a message is a head and pieces of one block that all share.
function synthesize(users, { mailboxes = 2, messages = 1000, folders = 4, mean_bytes: mean = 75_000, seed = 1 }) {
  const block = Buffer.alloc(1 << 20);
  let state = seed >>> 0 || 1;
  const random = () => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; return (state >>> 0) / 2 ** 32; };
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let at = 0; at < block.length; ++at) block[at] = at % 78 === 76 ? 13 : at % 78 === 77 ? 10 : alphabet.charCodeAt(random() * 64);
  for (let m = 0; m < mailboxes; ++m) {
    const upn = `person${m}@synthetic.example`;
    const mailbox = new Mailbox();
    for (let n = 0; n < messages; ++n) {
      const size = Math.floor(mean * -Math.log(1 - random() * 0.999) * 0.98), from = Math.floor(random() * 12_000) * 78;
      const received = new Date(Date.UTC(2026, 0, 1) + n * 60_000);
      const content = () => {
        const head = `Received: from mail.synthetic.example by m${m}.synthetic.example with SMTP id ${n}\r\nFrom: Writer ${n % 97} <w${n % 97}@synthetic.example>\r\n` +
          `To: ${upn}\r\nSubject: Report ${n} of ${m}\r\nDate: ${received.toUTCString().replace('GMT', '+0000')}\r\nMessage-ID: <${n}.${m}.${seed}@synthetic.example>\r\n` +
          'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b"\r\n\r\n--=b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n' +
          `Report number ${n}: nothing unusual in district ${n % 131}.\r\n--=b\r\nContent-Type: application/octet-stream; name="data-${n}.bin"\r\n` +
          `Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="data-${n}.bin"\r\n\r\n`;
        const pieces = [Buffer.from(head)];
        for (let left = size, at = from; left > 0; at = 0) {
          const piece = block.subarray(at, Math.min(block.length - (block.length % 78), at + left - (left % 78) + 78));
          pieces.push(piece);
          left -= piece.length;
        }
        pieces.push(Buffer.from('\r\n--=b--\r\n'));
        return Buffer.concat(pieces);
      };
      mailbox.add(mailbox.folder(n % folders === 0 ? 'Inbox' : `Inbox/Project ${n % folders}`), content, { received });
    }
    users.push({ id: uuidOf(`${seed}/${upn}`), userPrincipalName: upn, displayName: `Person ${m}`, mail: upn, proxyAddresses: [`SMTP:${upn}`], accountEnabled: true, purpose: 'user', licensed: true, mailbox });
  }
}

export function loadOrganisation(folder, synthetic) {
  const given = folder ? JSON.parse(readFileSync(join(folder, 'organisation.json'), 'utf8')) : { users: [] };
  const users = given.users.map((user) => {
    if (!user.mailbox) return { ...user, mailbox: null };
    const mailbox = new Mailbox();
    const mail = join(folder, 'mail', user.userPrincipalName);
    if (existsSync(mail)) loadMail(mailbox, mail, mail);
    return { ...user, mailbox };
  });
  if (synthetic) synthesize(users, synthetic);
  return {
    directoryId: given.directory_id ?? uuidOf('directory'),
    displayName: given.display_name ?? 'Synthetic',
    clientId: given.app?.client_id ?? uuidOf('client'),
    clientSecret: given.app?.client_secret ?? 'synthetic~Secret',
    users,
    user(idOrUpn) {
      const wanted = idOrUpn.toLowerCase();
      return users.find((one) => !one.removed && (one.id === wanted || one.userPrincipalName.toLowerCase() === wanted));
    },
    // {user, mailbox} of a user's name or of a "MBX:" id, which is the only name an in-place archive has.
    mailbox(name) {
      const guid = /^MBX:([^@]+)@(.+)$/iu.exec(name);
      if (!guid) {
        const user = this.user(name);
        return user && { user, mailbox: user.mailbox };
      }
      const user = users.find((one) => !one.removed && [one.id, one.archive?.id].includes(guid[1].toLowerCase()));
      return user && { user, mailbox: user.archive?.id === guid[1].toLowerCase() ? user.archive.mailbox : user.mailbox };
    },
    // Whose limits a request counts against: a mailbox and its archive are two.
    budget(name) { return this.mailbox(name)?.mailbox ?? null; },
    archiveOf(user) {
      user.archive ??= { id: uuidOf(`archive/${user.id}`), mailbox: new Mailbox() };
      return user.archive;
    },
  };
}
