// Started by signin.sh, inside its namespace: Kerberos against servers that nobody here wrote.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Daemon } from '../support/daemon.mjs';

const work = process.env.SIGNIN_WORK;
const daemon = new Daemon();
let tenant;
before(async () => { await daemon.start(); tenant = await daemon.tenant('signin'); });
after(() => daemon.remove());

async function runWith(port, more) {
  const ready = { url: `https://localhost:${port}/EWS/Exchange.asmx`, ca_file: join(work, 'certificate.pem'), username: '', password: '' };
  const credential = await daemon.exchangeCredential(tenant, ready, more);
  const profile = await daemon.exchangeProfile(tenant, ready, { credential, mailboxes: { include: ['person0@synthetic.example'] } });
  return daemon.runEnds(tenant, await daemon.startRun(tenant, profile));
}

const alice = { auth: 'negotiate', username: 'alice@arch.test', password: 'Passw0rd!a' };

test('Kerberos signs in to a real server and archives', async () => {
  const ended = await runWith(9001, alice);
  assert.match(ended.state, /^succeeded/u, JSON.stringify(ended).slice(0, 2000));
  assert.equal(ended.mailboxes[0].seen, 30);
});

test('a wrong password is refused, and that is said', async () => {
  const ended = await runWith(9001, { ...alice, password: 'wrong' });
  assert.equal(ended.state, 'failed');
  assert.match(JSON.stringify(ended), /password|ticket/u);
});

test('the control: Basic does not get through the front that demands Kerberos', async () => {
  assert.equal((await runWith(9001, { ...alice, auth: 'basic' })).state, 'failed');
});
