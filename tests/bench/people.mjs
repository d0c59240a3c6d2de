// The numbers of people: first synchronisations, quiet ones, signing in while somebody guesses, and rights inside a search.
//   KOPIAL_BUILD=build/release node tests/bench/people.mjs [ldap] [graph] [sign-in] [rights]
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { Daemon, startDouble } from '../support/daemon.mjs';
import { OpenLdap } from '../support/directory_servers.mjs';

const users = Number(process.env.KOPIAL_BENCH_USERS ?? 50_000), groups = Number(process.env.KOPIAL_BENCH_GROUPS ?? 5_000), archives = Number(process.env.KOPIAL_BENCH_ARCHIVES ?? 10_000);
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['ldap', 'graph', 'sign-in', 'rights'];
const say = (text) => process.stdout.write(`${text}\n`);
const peak = (daemon) => Math.round(Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8'))[1]) / 1024);
const resident = (daemon) => Math.round(Number(/VmRSS:\s+(\d+)/u.exec(readFileSync(`/proc/${daemon.process.pid}/status`, 'utf8'))[1]) / 1024);
const timed = async (what) => { const begun = performance.now(); const value = await what(); return [value, (performance.now() - begun) / 1000]; };
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

async function synchronise(name, daemon, tenant, id) {
  const before = resident(daemon);
  const sync = (json = {}) => daemon.expect(200, 'POST', `${tenant.at}/directories/${id}/sync`, { token: tenant.admin, json });
  const [first, seconds] = await timed(() => sync());
  say(`${name}: first synchronisation of ${first.seen} objects: ${seconds.toFixed(1)} s, ${first.requests} requests; resident memory at its highest ${peak(daemon)} MiB (${before} before)`);
  const [quiet, quiet_seconds] = await timed(() => sync());
  say(`${name}: nothing changed: ${quiet_seconds.toFixed(2)} s, ${quiet.requests} requests, ${quiet.steps} steps`);
  const [whole, whole_seconds] = await timed(() => sync({ complete: true }));
  say(`${name}: everything read again: ${whole_seconds.toFixed(1)} s, ${whole.steps} steps`);
}

async function ldap() {
  const server = new OpenLdap(), daemon = new Daemon();
  try {
    await Promise.all([server.start(), daemon.start()]);
    const names = Array.from({ length: users }, (_, n) => `p${n}`);
    for (let at = 0; at < users; at += 5000) server.add(names.slice(at, at + 5000).map((cn) => server.person(cn)));
    for (let at = 0; at < groups; at += 1000) server.add(Array.from({ length: Math.min(1000, groups - at) }, (_, n) => server.group(`g${at + n}`, Array.from({ length: 20 }, (__, m) => names[((at + n) * 17 + m * 31) % users]))));
    const tenant = await daemon.tenant('bench');
    const { id } = await daemon.expect(201, 'POST', `${tenant.at}/directories`, { token: tenant.admin, json: server.settings({ losses_share_max: 1 }) });
    await synchronise('LDAP', daemon, tenant, id);
  } finally {
    await daemon.remove();
    await server.stop();
  }
}

async function graph() {
  const double = await startDouble({}), daemon = new Daemon();
  try {
    await daemon.start();
    await double.admin('POST', '/directory/synthesize', { users, groups });
    const tenant = await daemon.tenant('bench'), { ready } = double;
    const credential = await daemon.expect(201, 'POST', `${tenant.at}/credentials`, { token: tenant.admin, json: { kind: 'entra_app', directory_id: ready.directory_id, client_id: ready.client_id, client_secret: ready.client_secret, authority: ready.url, graph_url: ready.url, ca_pem: readFileSync(ready.ca_file, 'utf8') } });
    const { id } = await daemon.expect(201, 'POST', `${tenant.at}/directories`, { token: tenant.admin, json: { name: 'Entra', kind: 'entra', credential: credential.id, losses_share_max: 1 } });
    await synchronise('Graph', daemon, tenant, id);
  } finally {
    await daemon.remove();
    double.stop();
  }
}

// An attacker, a process of its own: 1 000 wrong passwords a second from 64 addresses, two in three at people who are there.
async function attack(url, ca, seconds) {
  const agents = Array.from({ length: 64 }, (_, n) => new Agent({ ca: readFileSync(ca), keepAlive: true, maxSockets: 8, localAddress: `127.0.1.${n + 1}` }));
  const statuses = {};
  const count = (what) => { statuses[what] = (statuses[what] ?? 0) + 1; };
  let sent = 0;
  const begun = performance.now();
  await new Promise((resume) => {
    const timer = setInterval(() => {
      const now = performance.now() - begun;
      for (; sent < Math.min(now, seconds * 1000); ++sent) {
        const body = JSON.stringify({ tenant: 'bench', username: sent % 3 ? `honest${sent % 20}` : `guess${sent}`, password: `wrong ${sent}` });
        request(new URL('/api/v1/sessions', url), { method: 'POST', agent: agents[sent % 64], headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } }, (response) => {
          count(response.statusCode);
          response.resume();
        }).once('error', () => count('error')).end(body);
      }
      if (now > seconds * 1000) { clearInterval(timer); resume(); }
    }, 5);
  });
  say(JSON.stringify({ sent, statuses }));
}

async function signIn() {
  const daemon = new Daemon();
  try {
    await daemon.start();
    const tenant = await daemon.tenant('bench'), ca = `${daemon.folder}/data/tls/certificate.pem`;
    const known = async (username) => {
      const user = await daemon.expect(201, 'POST', `${tenant.at}/users`, { token: tenant.admin, json: { username, roles: ['user'], addresses: [] } });
      const password = `a sentence of its own for ${username}`;
      await daemon.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant: 'bench', username, code: user.one_time_code, password } });
      return [username, password];
    };
    const people = [];
    for (let n = 0; n < 20; ++n) people.push(await known(`honest${n}`));
    const quiet = [];
    for (let n = 0; n < 20; ++n) quiet.push((await known(`quiet${n}`))[0]);
    const seconds = 15;
    const attacker = spawn(process.execPath, [fileURLToPath(import.meta.url), 'attack', daemon.url.href, ca, String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let report = '';
    attacker.stdout.on('data', (text) => { report += text; });
    const ended = new Promise((resume) => { attacker.once('exit', resume); });
    const took = [], failed = {}, begun = performance.now();
    for (let n = 0; performance.now() - begun < seconds * 1000; ++n) {
      const [username, password] = people[n % people.length];
      const [answer, one] = await timed(() => daemon.call('POST', '/api/v1/sessions', { json: { tenant: 'bench', username, password } }));
      if (answer.status === 201) took.push(one);
      else failed[answer.status] = (failed[answer.status] ?? 0) + 1;
      await new Promise((resume) => { setTimeout(resume, 100); });
    }
    await ended;
    say(`sign-in under attack: ${report.trim()}; ${took.length} honest sign-ins, median ${quantile(took, 0.5).toFixed(3)} s, slowest ${Math.max(...took).toFixed(3)} s; refused ${JSON.stringify(failed)}; resident memory at its highest ${peak(daemon)} MiB`);
    // Known and unknown names in turn, each from an address that nobody used, three times each.
    const times = { known: [], unknown: [] };
    for (let n = 0; n < 120; ++n) {
      const kind = n % 2 ? 'known' : 'unknown';
      const body = JSON.stringify({ tenant: 'bench', username: kind === 'known' ? quiet[(n >> 1) % 20] : `nobody${(n >> 1) % 20}`, password: 'wrong' });
      const [, one] = await timed(() => new Promise((resume) => {
        request(new URL('/api/v1/sessions', daemon.url), { method: 'POST', ca: readFileSync(ca), localAddress: `127.0.100.${n + 1}`, headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) } },
          (response) => { response.resume().once('end', resume); }).end(body);
      }));
      times[kind].push(one);
    }
    say(`names: a refusal takes ${(quantile(times.known, 0.5) * 1000).toFixed(1)} ms for known, ${(quantile(times.unknown, 0.5) * 1000).toFixed(1)} ms for unknown ones (medians of 60)`);
  } finally {
    await daemon.remove();
  }
}

async function rights() {
  const daemon = new Daemon();
  try {
    await daemon.start();
    const tenant = await daemon.tenant('bench');
    const user = await daemon.expect(201, 'POST', `${tenant.at}/users`, { token: tenant.admin, json: { username: 'reader', roles: ['user'], addresses: [] } });
    const { token } = await daemon.expect(201, 'POST', '/api/v1/sessions/redeem', { json: { tenant: 'bench', username: 'reader', code: user.one_time_code, password: 'a reader has a long password' } });
    const ids = [];
    const side_by_side = async (count, work) => { let next = 0; await Promise.all(Array.from({ length: 16 }, async () => { while (next < count) await work(next++); })); };
    await side_by_side(archives, async (n) => { ids[n] = (await daemon.expect(201, 'POST', `${tenant.at}/archives`, { token: tenant.admin, json: { kind: 'import', display_name: `A${n}` } })).id; });
    await side_by_side(archives - 1, async (n) => { await daemon.expect(201, 'POST', `${tenant.at}/grants`, { token: tenant.admin, json: { user: user.id, archive: ids[n], reason: 'bench' } }); });
    await side_by_side(4000, async (n) => { await daemon.import(tenant, ids[(n * 7) % archives], `Subject: Report ${n}\r\nFrom: p${n % 97}@x.test\r\nDate: Tue, 24 Nov 2026 03:${String(n % 60).padStart(2, '0')}:00 +0000\r\n\r\nword${n % 50} common text about pipes\r\n`); });
    await daemon.indexed(tenant);
    const measure = async (who) => {
      const took = [];
      for (let n = 0; n < 200; ++n) took.push((await timed(() => daemon.expect(200, 'GET', `${tenant.at}/search?q=${['common', `word${n % 50}`, 'pipes from:p3', ''][n % 4]}&limit=50`, { token: who })))[1]);
      return took;
    };
    await measure(token);
    await measure(tenant.officer);
    const [restricted, all] = [await measure(token), await measure(tenant.officer)];
    say(`rights: search over ${archives} archives by grants, p50 ${(quantile(restricted, 0.5) * 1000).toFixed(1)} ms, p95 ${(quantile(restricted, 0.95) * 1000).toFixed(1)} ms; unrestricted ${(quantile(all, 0.5) * 1000).toFixed(1)} and ${(quantile(all, 0.95) * 1000).toFixed(1)} ms; ratio of p50 ${(quantile(restricted, 0.5) / quantile(all, 0.5)).toFixed(2)}`);
  } finally {
    await daemon.remove();
  }
}

const benches = { ldap, graph, 'sign-in': signIn, rights };
if (wanted[0] === 'attack') await attack(...wanted.slice(1, 3), Number(wanted[3]));
else for (const name of wanted) await benches[name]();
process.exit(0);
