// An Exchange Server double: EWS and Autodiscover over HTTPS, with an admin interface beside it.
//   node server.mjs --listen 127.0.0.1:0 [--organisation FOLDER] [--synthetic JSON] [--schema FOLDER] [--admin-listen 127.0.0.1:0] [--ready-file FILE]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Traffic } from '../m365/lib/traffic.mjs';
import { adminServer } from './lib/admin.mjs';
import { Authentication } from './lib/auth.mjs';
import { autodiscover } from './lib/autodiscover.mjs';
import { Ews, Fault } from './lib/ews.mjs';
import { loadOrganisation, mailboxPassword, serviceAccount } from './lib/organisation.mjs';
import { Requests, escape, namespaces } from './lib/xml.mjs';

const bodyBytesMax = 128 << 20;
const versions = /^(Exchange20(07|07_SP1|10|10_SP1|10_SP2|13|13_SP1|15|16)|V201\d_\d\d_\d\d)$/u;
const serverVersion = '<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1748" MinorBuildNumber="10" Version="V2017_07_11" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header>';
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

export function schemaFolder() {
  const folder = join(process.env.KOPIAL_SHARED ?? join(root, '../shared'), 'specs/ews/V2018_01_08');
  return existsSync(folder) ? folder : '';
}

function certificate(given) {
  if (given.certificate) return { ca: given.certificate, cert: readFileSync(given.certificate), key: readFileSync(given['private-key']) };
  const folder = mkdtempSync(join(tmpdir(), 'exchange-double-'));
  const [ca, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=Exchange double',
    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', ca], { stdio: 'ignore' });
  return { ca, cert: readFileSync(ca), key: readFileSync(key) };
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

const envelope = (body) => `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="${namespaces.soap}">${serverVersion}<s:Body>${body}</s:Body></s:Envelope>`;
const withNamespaces = (xml) => xml.replace(/^<m:(\w+)/u, `<m:$1 xmlns:m="${namespaces.m}" xmlns:t="${namespaces.t}"`);
function faultXml(code, message, values = {}) {
  const detail = Object.entries(values).map(([name, value]) => `<t:Value Name="${name}">${value}</t:Value>`).join('');
  return envelope(`<s:Fault><faultcode xmlns:a="${namespaces.t}">a:${code}</faultcode><faultstring xml:lang="en-US">${escape(message)}</faultstring><detail><e:ResponseCode xmlns:e="${namespaces.e}">${code}</e:ResponseCode>` +
    `<e:Message xmlns:e="${namespaces.e}">${escape(message)}</e:Message>${detail ? `<t:MessageXml xmlns:t="${namespaces.t}">${detail}</t:MessageXml>` : ''}</detail></s:Fault>`);
}

export async function start({ listen = '127.0.0.1:0', adminListen = '127.0.0.1:0', organisation: folder, synthetic, schema: schemaAt = schemaFolder(), certificate: cert, 'private-key': key, schemes } = {}) {
  const organisation = loadOrganisation(folder, synthetic);
  const ews = new Ews(organisation), traffic = new Traffic(), schema = new Requests(schemaAt);
  const authentication = new Authentication(organisation.accounts, { schemes });
  const state = { violations: [], versions: {}, anchors: {} };
  const tls = certificate({ certificate: cert, 'private-key': key });
  let origin = '';
  if (!schema.validating) process.stderr.write('exchange double: the schema is not there; requests are NOT validated\n');

  const send = (request, response, { status, headers = {}, body = '' }) => {
    let content = Buffer.from(body);
    const zip = content.length < 32_768 && content.length > 200 && /gzip/u.test(request.headers['accept-encoding'] ?? '');
    if (zip) content = gzipSync(content);
    response.writeHead(status, { 'Content-Type': 'text/xml; charset=utf-8', ...(zip ? { 'Content-Encoding': 'gzip' } : {}), 'Content-Length': content.length, ...headers }).end(content);
  };
  const soapFault = (code, message, values) => ({ status: 500, body: faultXml(code, message, values) });

  // Whose mailbox is meant: the impersonated one, else the account's own.
  const whose = (account, header) => {
    const sid = header.at('ExchangeImpersonation', 'ConnectingSID')?.children[0];
    if (!sid) return account.user ?? null;
    const user = organisation.user(sid.text);
    if (!user || user.gone || !user.mailbox) throw new Fault('ErrorNonExistentMailbox', 'The SMTP address has no mailbox associated with it.');
    if (!account.service || user.denied) throw new Fault('ErrorImpersonateUserDenied', 'The account does not have permission to impersonate the requested user.');
    if (user.moving) throw new Fault('ErrorMailboxMoveInProgress', 'Mailbox move in progress. Try again later.');
    return user;
  };

  const broken = (request, response, mailbox, rule, good) => {
    if (rule.applied) good();  // Carried out, and nobody is told.
    switch (rule.kind) {
      case 'reset': return response.socket.destroy();
      case 'truncate': {  // Status 200, and the content ends in the middle.
        const whole = Buffer.from(good().body);
        response.writeHead(200, { 'Content-Type': 'text/xml', ...(rule.clean ? {} : { 'Content-Length': whole.length }) });
        return response.write(whole.subarray(0, Math.floor(whole.length / 2)), () => (rule.clean ? response.end() : response.socket.destroy()));
      }
      case 'fault': {
        if (rule.back_off) traffic.retryAfter(mailbox, String(rule.back_off / 1000), response.socket);
        if (rule.code === 'ErrorServerBusy') traffic.stats.throttled += 1;
        return send(request, response, soapFault(rule.code, 'As ordered.', rule.back_off ? { BackOffMilliseconds: rule.back_off } : {}));
      }
      case 'message': {  // Every response message of a complete answer says so.
        if (rule.back_off) traffic.retryAfter(mailbox, String(rule.back_off / 1000), response.socket);
        const body = good().body.replaceAll(/ResponseClass="Success"><m:ResponseCode>NoError<\/m:ResponseCode>/gu,
          `ResponseClass="Error"><m:MessageText>As ordered.</m:MessageText><m:ResponseCode>${rule.code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>${rule.back_off ? `<m:MessageXml><t:Value Name="BackOffMilliseconds">${rule.back_off}</t:Value></m:MessageXml>` : ''}`);
        return send(request, response, { status: 200, body });
      }
      case '401': return send(request, response, authentication.challenge());
      default: {
        const after = traffic.retryAfter(mailbox, rule.retry_after, response.socket);
        return send(request, response, { status: Number(rule.kind), headers: { 'Content-Type': 'text/html', ...(after === null ? {} : { 'Retry-After': after }) }, body: '<html><body>Service Unavailable</body></html>' });
      }
    }
  };

  const serve = async (request, response, account, bytes) => {
    let read;
    try {
      read = schema.read(bytes);
    } catch (error) {
      return send(request, response, soapFault('ErrorSchemaValidation', `The request is no XML: ${error.message}`));
    }
    const { header, body, violation } = read, agent = request.headers['user-agent'] ?? '';
    const version = header.child('RequestServerVersion')?.attributes.Version ?? 'none';
    state.versions[version] = (state.versions[version] ?? 0) + 1;
    const anchor = request.headers['x-anchormailbox'] ?? '';
    state.anchors[anchor] = (state.anchors[anchor] ?? 0) + 1;
    if (violation) {
      state.violations.push({ operation: body.name, violation, agent });
      return send(request, response, soapFault('ErrorSchemaValidation', `The request failed schema validation: ${violation}`));
    }
    if (version !== 'none' && !versions.test(version)) return send(request, response, soapFault('ErrorInvalidServerVersion', 'The specified server version is invalid.'));
    let user, refusal = null;
    try {
      user = whose(account, header);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      refusal = error;
    }
    const mailbox = user?.mail ?? null;
    const crowded = traffic.enter(mailbox, body.name, request.socket);
    let left = false;
    const leave = () => { if (!left) traffic.leave(mailbox); left = true; };
    response.once('close', leave);
    response.once('finish', leave);
    if (traffic.delayMs > 0) await new Promise((resume) => { setTimeout(resume, traffic.delayMs); });
    if (refusal) return send(request, response, soapFault(refusal.code, refusal.message, refusal.values));
    if (crowded) {
      traffic.stats.throttled += 1;
      traffic.retryAfter(mailbox, '1', response.socket);
      return send(request, response, soapFault('ErrorServerBusy', 'The server cannot service this request right now. Try again later.', { BackOffMilliseconds: 1000 }));
    }
    const itemFault = () => {
      const rule = traffic.fault(`item ${mailbox}`);
      if (rule?.back_off) traffic.retryAfter(mailbox, String(rule.back_off / 1000), response.socket);
      return rule;
    };
    const good = () => {
      try {
        return { status: 200, body: envelope(withNamespaces(ews.answer({ operation: body.name, body, user, itemFault }))) };
      } catch (error) {
        if (error instanceof Fault) return soapFault(error.code, error.message, error.values);
        throw error;
      }
    };
    const rule = traffic.fault(`request ${body.name} ${mailbox}`);
    return rule ? broken(request, response, mailbox, rule, good) : send(request, response, good());
  };

  const handle = async (request, response) => {
    const [path, search = ''] = request.url.split('?');
    const bytes = await readBody(request);
    const signedIn = authentication.check(request);
    if (/^\/autodiscover\//iu.test(path)) {
      const answer = autodiscover({ organisation, path, query: new URLSearchParams(search), body: bytes.toString('utf8'), origin, signedIn: Boolean(signedIn.account) });
      return send(request, response, answer ?? signedIn);
    }
    if (!/^\/ews\/exchange\.asmx$/iu.test(path)) return send(request, response, { status: 404 });
    if (!signedIn.account) return send(request, response, signedIn);
    if (request.method !== 'POST') return send(request, response, { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<html><body>Service</body></html>' });
    return serve(request, response, signedIn.account, bytes);
  };

  const server = createServer({ cert: tls.cert, key: tls.key, keepAlive: true }, (request, response) => {
    handle(request, response).catch((error) => { process.stderr.write(`exchange double: ${error.stack}\n`); send(request, response, soapFault('ErrorInternalServerError', error.message)); });
  });
  server.keepAliveTimeout = 60_000;
  const admin = adminServer({ organisation, ews, authentication, traffic, schema, state });
  const open = (one, address) => new Promise((resume, fail) => {
    const at = address.lastIndexOf(':');
    one.once('error', fail).listen(Number(address.slice(at + 1)), address.slice(0, at), () => resume(one.address().port));
  });
  origin = `https://127.0.0.1:${await open(server, listen)}`;
  const adminUrl = `http://127.0.0.1:${await open(admin, adminListen)}`;
  return {
    ready: { url: `${origin}/EWS/Exchange.asmx`, origin, admin_url: adminUrl, ca_file: tls.ca, username: serviceAccount.username, password: serviceAccount.password, mailbox_password: mailboxPassword,
      validating: schema.validating, mailboxes: organisation.users.filter((one) => one.mailbox).map((one) => one.mail), pid: process.pid },
    stop: () => { for (const one of [server, admin]) { one.close(); one.closeAllConnections(); } },
  };
}

if (process.argv[1] && import.meta.url === `file://${process.argv[1]}`) {
  const { values } = parseArgs({ options: Object.fromEntries(['listen', 'organisation', 'synthetic', 'schema', 'admin-listen', 'ready-file', 'certificate', 'private-key'].map((name) => [name, { type: 'string' }])) });
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
