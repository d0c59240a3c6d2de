// The browser application in Chromium against the real daemon. tests/e2e/browser.sh starts both and says where they are.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const { KOPIAL_E2E_URL: url, KOPIAL_E2E_TENANT: tenant, KOPIAL_E2E_USER: officer, KOPIAL_E2E_PASSWORD: password, KOPIAL_E2E_ADMIN: admin, KOPIAL_E2E_ADMIN_PASSWORD: adminPassword } = process.env;
const pictures = process.env.KOPIAL_E2E_PICTURES;
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});
after(() => browser?.close());

// A window in which nothing may come from elsewhere, and no error may be left unseen.
async function open(locale = 'en-GB') {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale, viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const faults = [];
  page.on('request', (request) => { if (!request.url().startsWith(url) && !/^(data|blob|about):/u.test(request.url())) faults.push(`asked ${request.url()}`); });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error' && !/40[01]/u.test(message.text())) faults.push(message.text()); });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

async function signIn(page, username, secret) {
  await page.locator('input[name=tenant]').fill(tenant);
  await page.locator('input[name=username]').fill(username);
  await page.locator('input[name=password]').fill(secret);
  await page.locator('button[type=submit]').click();
}

async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

test('a wrong password is refused in words', async () => {
  const { page, close } = await open();
  await picture(page, 'sign-in');
  await signIn(page, officer, 'not the password');
  await page.getByRole('alert').getByText('Tenant, user name or password is not right.').waitFor();
  await close();
});

test('an officer searches, reads and downloads the exact bytes', async () => {
  const { page, faults, close } = await open();
  await signIn(page, officer, password);
  const field = page.getByRole('textbox', { name: 'Search the archive' });
  await field.fill('Rechnung 4471');
  await field.press('Enter');
  const first = page.getByRole('option').first();
  await first.waitFor();
  await picture(page, 'results');
  assert.match(await page.getByTestId('coverage').innerText(), /\d+ messages? found/u);
  assert.ok((await page.locator('mark').count()) > 0, 'what was found is marked');
  await first.click();
  await page.getByTestId('text-body').or(page.locator('iframe')).first().waitFor();
  await picture(page, 'message');
  assert.match(page.url(), /m=\d+/u);
  assert.deepEqual(faults, []);
  await close();
});

test('a query that goes wrong is underlined where it does', async () => {
  const { page, close } = await open();
  await signIn(page, officer, password);
  const field = page.getByRole('textbox', { name: 'Search the archive' });
  await field.fill('Orgel foo:bar');
  await field.press('Enter');
  assert.equal(await page.getByTestId('fault').innerText(), 'foo:bar');
  await picture(page, 'fault');
  await close();
});

test('HTML mail is shown in a frame that can do nothing', async () => {
  const { page, faults, close } = await open();
  await signIn(page, officer, password);
  await page.goto(`${url}/#/t/${encodeURIComponent(tenant)}/search?q=`);
  await page.getByRole('option').first().waitFor();
  const ids = await page.evaluate(async (slug) => {
    const get = async (path) => (await fetch(`/api/v1/tenants/${slug}/${path}`, { headers: { 'X-Kopial-Client': 'browser' } })).json();
    const { items } = await get('search?q=&limit=200');
    const html = [];
    for (const { message_id: id } of items) if ((await get(`messages/${id}`)).has_html) html.push(id);
    return html;
  }, tenant);
  assert.ok(ids.length > 0, 'the sample has HTML mail');
  await page.goto(`${url}/#/t/${encodeURIComponent(tenant)}/search?q=&m=${ids[0]}`);
  const tab = page.getByRole('tab', { name: 'Formatted' });
  await tab.waitFor();
  await tab.click();
  const frame = page.locator('iframe');
  await frame.waitFor();
  assert.equal(await frame.getAttribute('sandbox'), '');
  await page.frameLocator('iframe').locator('body').getByText(/\p{L}{4}/u).first().waitFor();
  await picture(page, 'html');
  assert.deepEqual(faults, []);
  await close();
});

test('an administrator sees runs, and no mail', async () => {
  const { page, faults, close } = await open();
  await signIn(page, admin, adminPassword);
  await page.getByRole('link', { name: 'Runs' }).click();
  await page.getByText('All mailboxes').first().waitFor();
  await page.getByRole('button', { name: 'Start a run' }).first().click();
  await page.getByRole('list', { name: 'Recent runs' }).getByRole('link').first().click();
  await page.getByTestId('run-state').getByText('Succeeded').waitFor();
  await page.getByText('anna.kranich@orgelbau-kranich.example').first().waitFor();
  await picture(page, 'runs');
  assert.deepEqual(faults, []);
  await close();
});

test('German speaks German', async () => {
  const { page, close } = await open('de-DE');
  await page.getByRole('button', { name: 'Anmelden' }).waitFor();
  await picture(page, 'german');
  await close();
});
