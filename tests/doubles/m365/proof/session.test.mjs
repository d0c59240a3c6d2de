// Microsoft's own clients against the double: if they are content, it speaks the protocol. NODE_EXTRA_CA_CERTS names its certificate.
import assert from 'node:assert/strict';
import { X509Certificate, createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ConfidentialClientApplication } from '@azure/msal-node';
import { BatchRequestContent, Client, PageIterator, ResponseType } from '@microsoft/microsoft-graph-client';
import { start } from '../server.mjs';
import { makeCertificate } from '../test/certificate.mjs';

const anna = 'anna.kranich@orgelbau-kranich.example';
let double, application, graph;

const admin = async (method, path, body) => {
  const response = await fetch(double.ready.admin_url + path, { method, body });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
};
const truth = async () => (await admin('GET', '/mailboxes')).find((one) => one.upn === anna).messages;

function signIn(secret) {
  const { url, directory_id: directory, client_id: clientId } = double.ready;
  return new ConfidentialClientApplication({ auth: { clientId, clientSecret: secret, authority: `${url}/${directory}`, knownAuthorities: [new URL(url).host] } });
}

before(async () => {
  double = await start({ organisation: new URL('../../../../packaging/sample', import.meta.url).pathname, certificate: process.env.NODE_EXTRA_CA_CERTS, 'private-key': process.env.KOPIAL_DOUBLE_KEY });
  application = signIn(double.ready.client_secret);
  const getAccessToken = async () => (await application.acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] })).accessToken;
  graph = Client.initWithMiddleware({ baseUrl: `${double.ready.url}/`, defaultVersion: 'v1.0', customHosts: new Set(['127.0.0.1']), authProvider: { getAccessToken } });
});
after(() => double.stop());

async function allDelta(link) {
  const items = [];
  const page = await graph.api(link).header('Prefer', 'odata.maxpagesize=4').get();
  const iterator = new PageIterator(graph, page, (item) => { items.push(item); return true; }, { headers: { Prefer: 'odata.maxpagesize=4' } });
  await iterator.iterate();
  return { items, deltaLink: iterator.getDeltaLink().replace(`${double.ready.url}/v1.0`, '') };
}

test('a wrong secret is refused with the code administrators know', async () => {
  await assert.rejects(signIn('wrong').acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] }), /7000215/u);
});

test("a certificate signs in as Microsoft's own library signs, and an unknown one does not", async () => {
  const { key: privateKey, pem: certificate } = makeCertificate();
  const { url, directory_id: directory, client_id: clientId } = double.ready;
  const thumbprintSha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '');
  const ask = () => new ConfidentialClientApplication({ auth: { clientId, clientCertificate: { thumbprintSha256, privateKey }, authority: `${url}/${directory}`, knownAuthorities: [new URL(url).host] } })
    .acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] });
  await assert.rejects(ask(), /700027/u);
  await admin('POST', '/certificates', certificate);
  assert.ok((await ask()).accessToken);
  assert.deepEqual((await admin('GET', '/assertions')).at(-1), { alg: 'PS256', header: 'x5t#S256' });
});

test('users, folders and pages', async () => {
  const users = await graph.api('/users').select('id,userPrincipalName,mail').top(3).get();
  assert.equal(users.value.length, 3);
  assert.ok(users['@odata.nextLink']);
  const purpose = await graph.api('/users/rechnungen@orgelbau-kranich.example/mailboxSettings/userPurpose').get();
  assert.equal(purpose.value, 'shared');
  const inbox = await graph.api(`/users/${anna}/mailFolders/inbox`).get();
  assert.equal(inbox.displayName, 'Inbox');
  await assert.rejects(graph.api('/users/werkstatt-saal@orgelbau-kranich.example/mailFolders').get(), { code: 'MailboxNotEnabledForRESTAPI' });
});

test('every message comes byte for byte, and a delta tells what changed', async () => {
  const inbox = await graph.api(`/users/${anna}/mailFolders/inbox`).get();
  const path = `/users/${anna}/mailFolders/${inbox.id}/messages/delta`;
  const first = await allDelta(path);
  const expected = (await truth()).filter((one) => one.folder === 'Inbox');
  assert.deepEqual(new Set(first.items.map((one) => one.id)), new Set(expected.map((one) => one.id)));
  for (const { id, sha256 } of expected) {
    const bytes = Buffer.from(await graph.api(`/users/${anna}/messages/${id}/$value`).responseType(ResponseType.ARRAYBUFFER).get());
    assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
  }
  assert.deepEqual((await allDelta(first.deltaLink)).items, []);

  const moved = await graph.api(`/users/${anna}/messages/${expected[0].id}/move`).post({ destinationId: 'archive' });
  assert.notEqual(moved.id, expected[0].id);
  await graph.api(`/users/${anna}/messages/${expected[1].id}/permanentDelete`).post({});
  const arrived = await admin('POST', `/messages?upn=${anna}&folder=Inbox`, 'Subject: new\r\n\r\nnew\r\n');
  const second = await allDelta(first.deltaLink);
  const removed = second.items.filter((one) => one['@removed']).map((one) => one.id);
  assert.deepEqual(new Set(removed), new Set([expected[0].id, expected[1].id]));
  assert.deepEqual(second.items.filter((one) => !one['@removed']).map((one) => one.id), [arrived.id]);
  const archive = await allDelta(`/users/${anna}/mailFolders/archive/messages/delta`);
  assert.deepEqual(archive.items.map((one) => one.id), [moved.id]);
  await admin('POST', '/sync-state/evict');
  await assert.rejects(allDelta(second.deltaLink), { statusCode: 410, code: 'syncStateNotFound' });
});

test('a batch is answered whole', async () => {
  const request = (id, path) => ({ id, request: new Request(`${double.ready.url}${path}`) });
  const content = new BatchRequestContent([request('1', `/users/${anna}/mailFolders/inbox`), request('2', '/users/nobody@orgelbau-kranich.example')]);
  const { responses } = await graph.api('/$batch').post(await content.getContent());
  assert.deepEqual(responses.map((one) => [one.id, one.status]).sort(), [['1', 200], ['2', 404]]);
});

test("the client's own retry waits as long as it was told to", async () => {
  await admin('POST', '/stats/reset');
  await admin('POST', '/faults', JSON.stringify([{ match: 'mailFolders/inbox', kind: '429', retry_after: '1', count: 1 }]));
  assert.equal((await graph.api(`/users/${anna}/mailFolders/inbox`).get()).displayName, 'Inbox');
  const stats = await admin('GET', '/stats');
  assert.equal(stats.faults, 1);
  assert.equal(stats.early_requests, 0);
});

test('the control: coming back too early is counted', async () => {
  await admin('POST', '/stats/reset');
  await admin('POST', '/faults', JSON.stringify([{ match: 'mailFolders/inbox', kind: '503', retry_after: '30', count: 1 }]));
  const { accessToken } = await application.acquireTokenByClientCredential({ scopes: ['https://graph.microsoft.com/.default'] });
  const ask = () => fetch(`${double.ready.url}/v1.0/users/${anna}/mailFolders/inbox`, { headers: { Authorization: `Bearer ${accessToken}` } });
  assert.equal((await ask()).status, 503);
  // For longer than a refusal may be on its way, whichever connection the requests take.
  for (const begun = Date.now(); Date.now() < begun + 600;) assert.equal((await ask()).status, 200);
  assert.ok((await admin('GET', '/stats')).early_requests > 0);
});
