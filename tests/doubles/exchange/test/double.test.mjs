// What the double promises of itself: sync states that mean something, answers that Microsoft's schema allows, MD4 as the RFC has it.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { md4 } from '../lib/md4.mjs';
import { Mailbox } from '../lib/mailbox.mjs';
import { schemaFolder, start } from '../server.mjs';

test('MD4 of RFC 1320', () => {
  const of = (text) => md4(Buffer.from(text)).toString('hex');
  assert.equal(of(''), '31d6cfe0d16ae931b73c59d7e0c089c0');
  assert.equal(of('abc'), 'a448017aaf21d8525fc10ae87aa6729d');
  assert.equal(of('12345678901234567890123456789012345678901234567890123456789012345678901234567890'), 'e33b4ddc9c38f2199c3e7b164fcc0536');
});

const mailOf = (n) => () => Buffer.from(`Subject: ${n}\r\n\r\nx\r\n`);

// A reader that follows the pages knows what is there, whatever happens between two of them.
test('a reader of sync pages ends with what is there, under 2000 random changes', () => {
  let seed = 42;
  const random = (n) => { seed = (seed * 1103515245 + 12345) % 2 ** 31; return seed % n; };
  const mailbox = new Mailbox(), folder = mailbox.folder('Inbox'), other = mailbox.folder('Other'), known = new Set();
  for (let n = 0; n < 300; ++n) mailbox.add(folder, mailOf(n), { received: new Date(2026, 0, 1, 0, n) });
  const some = () => { const all = mailbox.in(folder); return all[random(all.length)]; };
  const happen = () => {
    const what = random(4);
    if (what === 0) mailbox.add(folder, mailOf('new'));
    else if (what === 1) mailbox.remove(some().id);
    else if (what === 2) mailbox.move(some().id, other);
    else mailbox.change(some(), { isRead: true });
    if (mailbox.in(folder).length < 50) for (let n = 0; n < 50; ++n) mailbox.add(folder, mailOf('more'));
  };
  let state = null;
  for (let round = 0; round < 2000; ++round) {
    happen();
    if (round % 3 !== 0) continue;
    const { changes, next } = mailbox.sync(folder, state, 1 + random(40));
    for (const { kind, item, id } of changes) kind === 'Delete' ? known.delete(id) : known.add(item.id);
    state = next;
  }
  for (;;) {
    const { changes, next, more } = mailbox.sync(folder, state, 512);
    for (const { kind, item, id } of changes) kind === 'Delete' ? known.delete(id) : known.add(item.id);
    state = next;
    if (!more) break;
  }
  assert.deepEqual([...known].sort(), mailbox.in(folder).map((one) => one.id).sort());
});

test('its answers are what the schema allows', { skip: existsSync(schemaFolder() || '/nonexistent') ? false : 'SKIPPED: the schema is not there' }, async () => {
  const { Requests } = await import('../lib/xml.mjs');
  const schema = new Requests(schemaFolder());
  const { Ews } = await import('../lib/ews.mjs');
  const { loadOrganisation } = await import('../lib/organisation.mjs');
  const organisation = loadOrganisation('', { mailboxes: 1, messages: 5, mean_bytes: 500 });
  const ews = new Ews(organisation), [user] = organisation.users;
  const ns = 'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"';
  const ask = (body) => {
    const read = schema.read(Buffer.from(`<s:Envelope ${ns}><s:Body>${body}</s:Body></s:Envelope>`));
    assert.equal(read.violation, null, body.slice(0, 200));
    const answer = ews.answer({ operation: read.body.name, body: read.body, user });
    assert.equal(schema.violationOf(`<s:Envelope ${ns}><s:Body>${answer}</s:Body></s:Envelope>`), null, answer.slice(0, 400));
    return answer;
  };
  const shape = '<t:BaseShape>IdOnly</t:BaseShape>', inbox = '<t:DistinguishedFolderId Id="inbox"/>';
  ask(`<m:GetFolder><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape><m:FolderIds>${inbox}<t:DistinguishedFolderId Id="archiveroot"/></m:FolderIds></m:GetFolder>`);
  ask(`<m:FindFolder Traversal="Deep"><m:FolderShape>${shape}</m:FolderShape><m:ParentFolderIds><t:DistinguishedFolderId Id="msgfolderroot"/></m:ParentFolderIds></m:FindFolder>`);
  ask(`<m:SyncFolderHierarchy><m:FolderShape>${shape}</m:FolderShape><m:SyncFolderId><t:DistinguishedFolderId Id="msgfolderroot"/></m:SyncFolderId></m:SyncFolderHierarchy>`);
  const synced = ask(`<m:SyncFolderItems><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:SyncFolderId>${inbox}</m:SyncFolderId><m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>`);
  const id = /ItemId Id="([^"]+)"/u.exec(synced)[1];
  ask(`<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape><t:IncludeMimeContent>true</t:IncludeMimeContent></m:ItemShape><m:ItemIds><t:ItemId Id="${id}"/><t:ItemId Id="gone"/></m:ItemIds></m:GetItem>`);
  ask(`<m:FindItem Traversal="Shallow"><m:ItemShape>${shape}</m:ItemShape><m:IndexedPageItemView MaxEntriesReturned="2" Offset="0" BasePoint="Beginning"/><m:ParentFolderIds>${inbox}</m:ParentFolderIds></m:FindItem>`);
  ask('<m:ResolveNames ReturnFullContactData="true"><m:UnresolvedEntry>smtp:person0@synthetic.example</m:UnresolvedEntry></m:ResolveNames>');
  ask('<m:GetSearchableMailboxes><m:SearchFilter></m:SearchFilter></m:GetSearchableMailboxes>');
  ask(`<m:DeleteItem DeleteType="SoftDelete"><m:ItemIds><t:ItemId Id="${id}"/></m:ItemIds></m:DeleteItem>`);
});

test('the control: a request that the schema forbids is refused and counted', { skip: existsSync(schemaFolder() || '/nonexistent') ? false : 'SKIPPED: the schema is not there' }, async () => {
  const { Requests } = await import('../lib/xml.mjs');
  const schema = new Requests(schemaFolder());
  const read = schema.read(Buffer.from('<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:GetFolder><m:Nonsense/></m:GetFolder></s:Body></s:Envelope>'));
  assert.match(read.violation, /Nonsense/u);
});

test('it starts and stops', async () => {
  const double = await start({ synthetic: { mailboxes: 1, messages: 1 } });
  assert.match(double.ready.url, /^https:\/\/127\.0\.0\.1:\d+\/EWS\/Exchange\.asmx$/u);
  double.stop();
});
