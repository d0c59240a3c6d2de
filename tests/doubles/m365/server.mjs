// A Microsoft 365 double: the token endpoint and the parts of Graph that reading mail needs, over HTTPS, with an admin interface beside it.
//   node server.mjs --listen 127.0.0.1:0 [--organisation FOLDER] [--synthetic JSON] [--admin-listen 127.0.0.1:0] [--ready-file FILE]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adminServer } from './lib/admin.mjs';
import { Graph } from './lib/graph.mjs';
import { Identity } from './lib/identity.mjs';
import { loadOrganisation } from './lib/organisation.mjs';
import { Traffic } from './lib/traffic.mjs';

const bodyBytesMax = 4 << 20;  // As Graph has it: more goes through an upload session.

function certificate(given) {
  if (given.certificate) return { ca: given.certificate, cert: readFileSync(given.certificate), key: readFileSync(given['private-key']) };
  const folder = mkdtempSync(join(tmpdir(), 'm365-double-'));
  const [ca, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=Microsoft 365 double',
    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', ca], { stdio: 'ignore' });
  return { ca, cert: readFileSync(ca), key: readFileSync(key) };
}

function kindOf(path) {
  if (path.endsWith('/token')) return 'token';
  if (path.endsWith('/$value')) return 'value';
  if (path.endsWith('/messages/delta')) return 'message_delta';
  if (/\/mailFolders\/[^/]+\/messages$/u.test(path)) return 'list';
  if (path.includes('/mailFolders')) return 'folders';
  if (path.includes('/messages')) return 'messages';
  return path.includes('/users') ? 'users' : 'other';
}

async function readBody(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    if ((size += piece.length) > bodyBytesMax) throw new Error('too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

export async function start({ listen = '127.0.0.1:0', adminListen = '127.0.0.1:0', organisation: folder, synthetic, certificate: cert, 'private-key': key } = {}) {
  const organisation = loadOrganisation(folder, synthetic);
  const identity = new Identity(organisation), graph = new Graph(organisation), traffic = new Traffic();
  const tls = certificate({ certificate: cert, 'private-key': key });
  let origin = '';

  const send = (response, { status, headers = {}, body, bytes }) => {
    const content = bytes ?? (body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)));
    response.writeHead(status, { 'Content-Type': bytes ? 'text/plain' : 'application/json; odata.metadata=minimal', 'Content-Length': content.length, ...headers }).end(content);
  };

  const identityAnswer = (request, path, body) => {
    const [, directory, ...rest] = path.split('/');
    const what = rest.join('/');
    if (what === 'oauth2/v2.0/token' && request.method === 'POST') return identity.token(decodeURIComponent(directory), new URLSearchParams(body.toString()), origin);
    if (what === 'v2.0/.well-known/openid-configuration') return { status: 200, body: identity.discovery(origin) };
    if (what === 'discovery/v2.0/keys') return { status: 200, body: identity.jwks() };
    return { status: 404, body: { error: 'not_found' } };
  };

  const broken = (response, mailbox, rule, good) => {
    const after = traffic.retryAfter(mailbox, rule.retry_after, response.socket);
    const headers = after === null ? {} : { 'Retry-After': after };
    if (rule.applied) good();  // Carried out, and nobody is told.
    switch (rule.kind) {
      case 'reset': return response.socket.destroy();
      case 'truncate': {  // Status 200, and the content ends in the middle.
        const answer = good();
        const whole = answer.bytes ?? Buffer.from(JSON.stringify(answer.body));
        response.writeHead(200, { 'Content-Type': 'application/json', ...(rule.clean ? {} : { 'Content-Length': whole.length }) });
        return response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => (rule.clean ? response.end() : response.socket.destroy()));
      }
      case '410': return send(response, { status: 410, body: { error: { code: 'syncStateNotFound', message: 'Resync required.' } } });
      case '401': return send(response, { status: 401, headers: { 'WWW-Authenticate': 'Bearer' }, body: { error: { code: 'InvalidAuthenticationToken', message: 'Lifetime validation failed, the token is expired.' } } });
      default: {
        const status = Number(rule.kind);
        if (status === 429) traffic.stats.throttled += 1;
        return send(response, { status, headers, body: { error: { code: status === 429 ? 'ApplicationThrottled' : 'ServiceUnavailable', message: 'Come back later.' } } });
      }
    }
  };

  const handle = async (request, response) => {
    const [path, search = ''] = request.url.split('?');
    const user = /^\/(?:v1\.0|beta)\/users\/([^/]+)\/./u.exec(path)?.[1];
    const mailbox = user ? organisation.budget(decodeURIComponent(user)) : null;
    const crowded = traffic.enter(mailbox, kindOf(path), request.socket);
    let left = false;
    const leave = () => { if (!left) traffic.leave(mailbox); left = true; };
    response.once('close', leave);
    response.once('finish', leave);
    const body = await readBody(request);
    if (path.startsWith('/upload/')) return send(response, graph.upload(path.slice('/upload/'.length), request.headers, body));
    const [, version] = /^\/(v1\.0|beta)\//u.exec(path) ?? [];
    if (!version) return send(response, identityAnswer(request, path, body));
    if (!identity.accepts(request.headers.authorization)) {
      return send(response, { status: 401, headers: { 'WWW-Authenticate': 'Bearer realm=""' }, body: { error: { code: 'InvalidAuthenticationToken', message: 'Access token is empty, expired or not valid.' } } });
    }
    if (traffic.delayMs > 0) await new Promise((resume) => { setTimeout(resume, traffic.delayMs); });
    if (crowded) {
      traffic.stats.throttled += 1;
      return send(response, { status: 429, headers: { 'Retry-After': '1' }, body: { error: { code: 'ApplicationThrottled', message: 'Application is over its MailboxConcurrency limit.' } } });
    }
    const plain = (request.headers['content-type'] ?? '').startsWith('text/plain');
    const good = () => graph.answer({ method: request.method, version, path: path.slice(version.length + 1), query: new URLSearchParams(search), prefer: request.headers.prefer ?? '', ifMatch: request.headers['if-match'],
      body: !body.length ? null : plain ? { mime: Buffer.from(body.toString('latin1'), 'base64') } : JSON.parse(body), origin });
    const rule = traffic.fault(`${request.method} ${request.url}`);
    return rule ? broken(response, mailbox, rule, good) : send(response, good());
  };

  const server = createServer({ cert: tls.cert, key: tls.key, keepAlive: true }, (request, response) => {
    handle(request, response).catch((error) => send(response, { status: 400, body: { error: { code: 'BadRequest', message: error.message } } }));
  });
  server.keepAliveTimeout = 60_000;
  const admin = adminServer({ organisation, graph, identity, traffic });
  const open = (one, address) => new Promise((resume, fail) => {
    const at = address.lastIndexOf(':');
    one.once('error', fail).listen(Number(address.slice(at + 1)), address.slice(0, at), () => resume(one.address().port));
  });
  origin = `https://127.0.0.1:${await open(server, listen)}`;
  const adminUrl = `http://127.0.0.1:${await open(admin, adminListen)}`;
  return {
    ready: { url: origin, admin_url: adminUrl, ca_file: tls.ca, directory_id: organisation.directoryId, client_id: organisation.clientId, client_secret: organisation.clientSecret, display_name: organisation.displayName, pid: process.pid },
    stop: () => { for (const one of [server, admin]) { one.close(); one.closeAllConnections(); } },
  };
}

if (process.argv[1] && import.meta.url === `file://${process.argv[1]}`) {
  const { values } = parseArgs({ options: Object.fromEntries(['listen', 'organisation', 'synthetic', 'admin-listen', 'ready-file', 'certificate', 'private-key'].map((name) => [name, { type: 'string' }])) });
  const double = await start({ ...values, adminListen: values['admin-listen'], synthetic: values.synthetic ? JSON.parse(values.synthetic) : undefined });
  const line = JSON.stringify(double.ready);
  if (values['ready-file']) {
    writeFileSync(`${values['ready-file']}.new`, line);
    renameSync(`${values['ready-file']}.new`, values['ready-file']);
  }
  process.stdout.write(`${line}\n`);
  process.once('SIGTERM', double.stop);
  process.once('SIGINT', double.stop);
}
