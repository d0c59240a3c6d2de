// The real daemon and the Microsoft 365 double as their users meet them: processes with addresses. For tests written in JavaScript.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const build = process.env.KOPIAL_BUILD;
const password = () => randomBytes(15).toString('base64url');

// Asks until `what` gives something; the only wait there is, and it has an end.
export async function until(what, why, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await what();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain: ${why}`);
    await new Promise((resume) => { setTimeout(resume, 20); });
  }
}

export class Daemon {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'kopial-daemon-'));
    this.config = join(this.folder, 'kopial.toml');
    writeFileSync(this.config, `data_dir = "${this.folder}/data"\n[http]\nlisten = ["127.0.0.1:0"]\n`);
    this.systemPassword = password();
    execFileSync(join(build, 'bin/kopial'), ['setup', '--config', this.config, '--admin', 'admin', '--password-stdin'], { input: this.systemPassword, stdio: ['pipe', 'ignore', 'inherit'] });
  }

  async start() {
    const address = join(this.folder, 'data/run/address');
    rmSync(address, { force: true });
    this.log = '';
    this.process = spawn(join(build, 'bin/kopiald'), ['--config', this.config], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.process.stderr.on('data', (text) => { this.log += text; });
    this.ended = new Promise((resume) => { this.process.once('exit', (code, signal) => resume(signal ?? code)); });
    await until(() => existsSync(address) && readFileSync(address, 'utf8').trim(), `the daemon is not ready: ${this.log}`);
    this.url = new URL(readFileSync(address, 'utf8').trim());
    this.agent?.destroy();
    this.agent = new Agent({ ca: readFileSync(join(this.folder, 'data/tls/certificate.pem')), keepAlive: true, maxSockets: 16 });
  }

  async stop(signal = 'SIGTERM') {
    this.process.kill(signal);
    return this.ended;
  }

  async remove() {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) await this.stop('SIGKILL');
    this.agent?.destroy();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // {status, headers, body: Buffer, json}. Fails when there is no answer.
  call(method, path, { token, json, body, headers = {} } = {}) {
    const content = json === undefined ? body : JSON.stringify(json);
    const options = { method, agent: this.agent, headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(content === undefined ? {} : { 'Content-Length': Buffer.byteLength(content) }), ...headers } };
    return new Promise((resume, fail) => {
      const asked = request(new URL(path, this.url), options, (response) => {
        const pieces = [];
        response.on('data', (piece) => pieces.push(piece)).once('error', fail).once('end', () => {
          const whole = Buffer.concat(pieces);
          let parsed;
          if (/json/u.test(response.headers['content-type'] ?? '')) parsed = JSON.parse(whole);
          resume({ status: response.statusCode, headers: response.headers, body: whole, json: parsed });
        });
      });
      asked.once('error', fail).end(content);
    });
  }

  async expect(status, method, path, options) {
    const answer = await this.call(method, path, options);
    if (answer.status !== status) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.toString().slice(0, 500)}`);
    return answer.json ?? answer.body;
  }

  async #redeem(tenant, username, code) {
    return (await this.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant, username, code, password: password() } })).token;
  }

  // A tenant with an administrator and a compliance officer: {slug, admin, officer} with their tokens.
  async tenant(slug) {
    this.system ??= (await this.expect(201, 'POST', '/api/v1/sessions', { json: { username: 'admin', password: this.systemPassword } })).token;
    const made = await this.expect(201, 'POST', '/api/v1/tenants', { token: this.system, json: { slug, name: slug, languages: ['de', 'en'] } });
    const admin = await this.#redeem(slug, 'admin', made.administrator.one_time_code);
    const user = await this.expect(201, 'POST', `/api/v1/tenants/${slug}/users`, { token: admin, json: { username: 'officer', display_name: 'Officer', roles: ['compliance_officer'], addresses: [] } });
    return { slug, at: `/api/v1/tenants/${slug}`, admin, officer: await this.#redeem(slug, 'officer', user.one_time_code) };
  }

  async archive(tenant) {
    return (await this.expect(201, 'POST', `${tenant.at}/archives`, { token: tenant.admin, json: { kind: 'import', display_name: 'Imported' } })).id;
  }

  import(tenant, archive, bytes, query = '') {
    return this.expect(201, 'POST', `${tenant.at}/messages/import?archive=${archive}${query}`, { token: tenant.admin, body: bytes, headers: { 'Content-Type': 'message/rfc822' } });
  }

  indexed(tenant) {
    return until(async () => (await this.expect(200, 'GET', `${tenant.at}/status`, { token: tenant.admin })).index_pending_changes === 0, 'the index does not catch up');
  }

  // Every message of the tenant as [{message_id, copy_ids}], by way of the search.
  async everything(tenant) {
    const all = [];
    let after = '';
    do {
      const page = await this.expect(200, 'GET', `${tenant.at}/search?q=&limit=1000${after && `&after=${encodeURIComponent(after)}`}`, { token: tenant.officer });
      all.push(...page.items);
      after = page.next ?? '';
    } while (after);
    return all;
  }

  // A profile for everything in the double; its id.
  async graphProfile(tenant, ready) {
    const { id } = await this.expect(201, 'POST', `${tenant.at}/credentials`, { token: tenant.admin,
      json: { kind: 'entra_app', directory_id: ready.directory_id, client_id: ready.client_id, client_secret: ready.client_secret, authority: ready.url, graph_url: ready.url, ca_pem: readFileSync(ready.ca_file, 'utf8') } });
    return (await this.expect(201, 'POST', `${tenant.at}/profiles`, { token: tenant.admin, json: { name: 'All', kind: 'graph', credential: id } })).id;
  }

  // A credential for the Exchange double; its id.
  async exchangeCredential(tenant, ready, more = {}) {
    return (await this.expect(201, 'POST', `${tenant.at}/credentials`, { token: tenant.admin,
      json: { kind: 'exchange', ews_url: ready.url, auth: 'basic', username: ready.username, password: ready.password, ca_pem: readFileSync(ready.ca_file, 'utf8'), ...more } })).id;
  }

  async exchangeProfile(tenant, ready, { kind = 'ews', credential, ...more } = {}) {
    const id = credential ?? await this.exchangeCredential(tenant, ready);
    return (await this.expect(201, 'POST', `${tenant.at}/profiles`, { token: tenant.admin, json: { name: 'Exchange', kind, credential: id, ...more } })).id;
  }

  async startRun(tenant, profile) { return (await this.expect(202, 'POST', `${tenant.at}/profiles/${profile}/runs`, { token: tenant.admin, json: {} })).id; }

  runEnds(tenant, run) {
    return until(async () => {
      const state = await this.expect(200, 'GET', `${tenant.at}/runs/${run}`, { token: tenant.admin });
      return !['queued', 'running'].includes(state.state) && state;
    }, 'the run does not end', 240);
  }
}

export async function startDouble(options, which = 'm365') {
  const { start } = await import(`../doubles/${which}/server.mjs`);
  const double = await start(options);
  double.admin = async (method, path, body) => {
    const response = await fetch(double.ready.admin_url + path, { method, body: body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response.json();
  };
  return double;
}
