// The double is believed because clients that nobody here wrote work against it: exchangelib (Python), DavMail (Java, as an IMAP server), and
// ews-javascript-api. A client that is not installed is skipped, and that is said.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { start } from '../server.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);
let double, person;
const admin = async (method, path, body) => (await fetch(double.ready.admin_url + path, { method, body: body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body) })).json();
const inbox = async () => (await admin('GET', '/mailboxes')).find((one) => one.mail === person).items.filter((one) => one.folder === 'Inbox' && one.root === 'msgfolderroot');

before(async () => {
  const own = process.env.KOPIAL_DOUBLE_KEY ? { certificate: process.env.NODE_EXTRA_CA_CERTS, 'private-key': process.env.KOPIAL_DOUBLE_KEY } : {};
  double = await start({ organisation: join(here, '../../../../packaging/sample'), ...own });
  [person] = double.ready.mailboxes;
});
after(() => double.stop());

const python = existsSync('/usr/lib/python3/dist-packages/exchangelib');
for (const auth of ['basic', 'ntlm']) {
  test(`exchangelib reads, synchronises and moves with ${auth}`, { skip: python ? false : 'SKIPPED: python3-exchangelib is not installed' }, async () => {
    const expected = (await inbox()).map((one) => one.sha256).sort();
    const { stdout } = await run('/usr/bin/python3', [join(here, 'exchangelib_session.py'), double.ready.url, double.ready.username, double.ready.password, person, auth],
      { env: { ...process.env, REQUESTS_CA_BUNDLE: double.ready.ca_file }, timeout: 60_000 });
    const seen = JSON.parse(stdout);
    assert.deepEqual(seen.digests, expected);
    assert.ok(seen.folders.includes('Sent Items') && seen.folders.includes('Fachpresse'));
    assert.deepEqual(seen.first_sync, ['create']);
    assert.deepEqual(seen.second_sync, ['delete']);
    assert.equal(seen.foreign_state, 'ErrorInvalidSyncStateData');
    assert.equal((await inbox()).length, expected.length - 1);
  });
}

test('a wrong password is refused with NTLM as with Basic', { skip: python ? false : 'SKIPPED: python3-exchangelib is not installed' }, async () => {
  for (const auth of ['basic', 'ntlm']) {
    await assert.rejects(run('/usr/bin/python3', [join(here, 'exchangelib_session.py'), double.ready.url, double.ready.username, 'wrong', person, auth], { env: { ...process.env, REQUESTS_CA_BUNDLE: double.ready.ca_file }, timeout: 60_000 }), /Unauthorized|401|credentials/u);
  }
});

test('ews-javascript-api impersonates, pages and fetches MIME', async () => {
  const { ConnectingIdType, ExchangeService, ExchangeVersion, ImpersonatedUserId, ItemView, BasePropertySet, PropertySet, ItemSchema, Uri, WebCredentials, WellKnownFolderName, Folder, SyncFolderItemsScope } = await import('ews-javascript-api');
  const service = new ExchangeService(ExchangeVersion.Exchange2013_SP1);
  service.Url = new Uri(double.ready.url);
  service.Credentials = new WebCredentials(double.ready.username, double.ready.password);
  service.ImpersonatedUserId = new ImpersonatedUserId(ConnectingIdType.SmtpAddress, person);
  const folder = await Folder.Bind(service, WellKnownFolderName.Inbox);
  const there = await inbox();
  assert.equal(folder.TotalCount, there.length);
  const found = await service.FindItems(WellKnownFolderName.Inbox, new ItemView(3));
  assert.equal(found.Items.length, 3);
  assert.equal(found.TotalCount, there.length);
  const mime = new PropertySet(BasePropertySet.IdOnly, [ItemSchema.MimeContent]);
  await service.LoadPropertiesForItems(found.Items, mime);
  for (const item of found.Items) {
    const digest = createHash('sha256').update(Buffer.from(item.MimeContent.Content, 'base64')).digest('hex');
    assert.ok(there.some((one) => one.sha256 === digest), 'the bytes are another message\'s');
  }
  const first = await service.SyncFolderItems(folder.Id, new PropertySet(BasePropertySet.IdOnly), [], 4, SyncFolderItemsScope.NormalItems, null);
  assert.equal(first.Count, 4);
  assert.equal(first.MoreChangesAvailable, true);
});

const davmail = existsSync('/usr/bin/davmail');
test('DavMail signs in, lists and fetches byte for byte over IMAP', { skip: davmail ? false : 'SKIPPED: davmail is not installed' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'davmail-'));
  const free = () => new Promise((resume) => { const one = createServer().listen(0, '127.0.0.1', () => { const { port } = one.address(); one.close(() => resume(port)); }); });
  const port = await free();
  const hash = new X509Certificate(readFileSync(double.ready.ca_file)).fingerprint;
  writeFileSync(join(folder, 'davmail.properties'), ['davmail.server=true', 'davmail.mode=EWS', `davmail.url=${double.ready.url}`, 'davmail.bindAddress=127.0.0.1', 'davmail.allowRemote=false', `davmail.imapPort=${port}`,
    'davmail.smtpPort=', 'davmail.popPort=', 'davmail.ldapPort=', 'davmail.caldavPort=', 'davmail.disableUpdateCheck=true', `davmail.server.certificate.hash=${hash}`, `davmail.logFilePath=${join(folder, 'davmail.log')}`, ''].join('\n'));
  const process_ = spawn('/usr/bin/davmail', ['-server', join(folder, 'davmail.properties')], { stdio: 'ignore', env: { ...process.env, HOME: folder } });
  try {
    const imap = new Imap(port);
    await imap.open();
    assert.match(await imap.ask(`LOGIN "${person}" "${double.ready.mailbox_password}"`), /^\S+ OK/mu);
    assert.match(await imap.ask('LIST "" "*"'), /INBOX/u);
    const selected = await imap.ask('SELECT INBOX');
    const there = await inbox();
    assert.match(selected, new RegExp(`^\\* ${there.length} EXISTS`, 'mu'));
    const fetched = await imap.ask('FETCH 1 (BODY.PEEK[])');
    const size = Number(/\{(\d+)\}/u.exec(fetched)[1]), begin = fetched.indexOf('}\r\n') + 3;
    const digest = createHash('sha256').update(Buffer.from(fetched.slice(begin, begin + size), 'latin1')).digest('hex');
    assert.ok(there.some((one) => one.sha256 === digest), 'the bytes are no message of the inbox');
    imap.close();
  } finally {
    process_.kill();
    await new Promise((resume) => { process_.once('exit', resume); });
    rmSync(folder, { recursive: true, force: true });
  }
});

// As much IMAP as the test speaks.
class Imap {
  constructor(port) { Object.assign(this, { port, number: 0, text: '', waiting: null }); }
  async open() {
    const end = Date.now() + 30_000;
    for (;;) {
      try {
        await new Promise((resume, fail) => { this.socket = connect(this.port, '127.0.0.1', resume).once('error', fail); });
        break;
      } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resume) => { setTimeout(resume, 100); });
      }
    }
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text) => { this.text += text; this.waiting?.(); });
    await this.#until(() => this.text.includes('\r\n'));
    this.text = '';
  }
  async #until(what) {
    const end = Date.now() + 30_000;
    while (!what()) {
      if (Date.now() > end) throw new Error(`DavMail does not answer: ${this.text.slice(0, 300)}`);
      await new Promise((resume) => { this.waiting = resume; setTimeout(resume, 500); });
    }
  }
  async ask(command) {
    const tag = `a${++this.number}`;
    this.text = '';
    this.socket.write(`${tag} ${command}\r\n`);
    await this.#until(() => new RegExp(`^${tag} `, 'mu').test(this.text));
    return this.text;
  }
  close() { this.socket.destroy(); }
}

test('what these clients sent is what Microsoft\'s schema allows', { skip: existsSync(join(here, '../../../../../shared/specs/ews')) || process.env.KOPIAL_SHARED ? false : 'SKIPPED: the schema is not there' }, async () => {
  const stats = await admin('GET', '/stats');
  assert.equal(stats.validating, true);
  assert.deepEqual(stats.violations, []);
});
