import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mailbox } from '../lib/mailbox.mjs';
import { Traffic } from '../lib/traffic.mjs';

const bytes = () => Buffer.from('Subject: x\r\n\r\n');
const read = (mailbox, folder, since, limit, begun) => Mailbox.page(folder.log, since, limit, begun, (id) => {
  const message = mailbox.messages.get(id);
  return message?.folder === folder.id ? message : undefined;
});

test('a first round leaves out what is gone, and a later one tells it', () => {
  const mailbox = new Mailbox();
  const inbox = mailbox.folder('Inbox');
  const [a, b] = [mailbox.add(inbox, bytes), mailbox.add(inbox, bytes)];
  mailbox.remove(a.id);
  const first = read(mailbox, inbox, 0, 10, mailbox.number);
  assert.deepEqual(first.items.map((one) => one.id), [b.id]);
  mailbox.remove(b.id);
  assert.deepEqual(read(mailbox, inbox, first.last, 10, 0).items, [{ id: b.id, state: null }]);
});

test('a token points into the log, whatever changes between two pages', () => {
  const mailbox = new Mailbox();
  const inbox = mailbox.folder('Inbox');
  const ids = Array.from({ length: 25 }, () => mailbox.add(inbox, bytes).id);
  const seen = [], begun = mailbox.number;
  let since = 0, more = true;
  while (more) {
    const page = read(mailbox, inbox, since, 10, begun);
    seen.push(...page.items.map((one) => one.id));
    ({ last: since, more } = page);
    if (seen.length === 10) ids.push(mailbox.add(inbox, bytes).id);
  }
  assert.deepEqual(seen, ids);
});

test('what goes while a first round is read is told', () => {
  const mailbox = new Mailbox();
  const inbox = mailbox.folder('Inbox');
  const ids = Array.from({ length: 4 }, () => mailbox.add(inbox, bytes).id), begun = mailbox.number;
  const first = read(mailbox, inbox, 0, 2, begun);
  assert.deepEqual(first.items.map((one) => one.id), ids.slice(0, 2));
  mailbox.remove(ids[0]);
  const second = read(mailbox, inbox, first.last, 10, begun);
  assert.deepEqual(second.items.map((one) => [one.id, one.state === null]), [[ids[2], false], [ids[3], false], [ids[0], true]]);
});

test('a move gives a new id and is told in both folders', () => {
  const mailbox = new Mailbox();
  const [inbox, archive] = [mailbox.folder('Inbox'), mailbox.folder('Archive')];
  const { id } = mailbox.add(inbox, bytes);
  const since = mailbox.number;
  const moved = mailbox.move(id, archive);
  assert.notEqual(moved.id, id);
  assert.deepEqual(read(mailbox, inbox, since, 10, 0).items, [{ id, state: null }]);
  assert.deepEqual(read(mailbox, archive, since, 10, 0).items.map((one) => one.id), [moved.id]);
});

test('five at once are one too many', () => {
  const traffic = new Traffic();
  assert.deepEqual([1, 2, 3, 4, 5].map(() => traffic.enter('m', 'value')), [false, false, false, false, true]);
  assert.equal(traffic.stats.max_concurrent, 5);
  traffic.leave('m');
  traffic.leave('m');
  assert.equal(traffic.enter('m', 'value'), false);
});

test('a rule strikes as often as it says', () => {
  const traffic = new Traffic();
  traffic.setFaults([{ match: 'value', kind: '503', every: 3 }]);
  assert.deepEqual([1, 2, 3, 4, 5, 6].map(() => traffic.fault('GET /value')?.kind ?? null), [null, null, '503', null, null, '503']);
  assert.equal(traffic.fault('GET /other'), null);
});

test('every form of Retry-After is kept, and coming back before it is over is counted', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_790_000_000_000 });
  for (const [form, pattern] of [['2', /^2$/u], ['0.5', /^0\.5$/u], [{ date: 2 }, /GMT$/u]]) {
    const traffic = new Traffic(), [refused, other] = [{}, {}];
    assert.match(traffic.retryAfter('m', form, refused), pattern);
    traffic.enter('m', 'value', refused);
    traffic.enter('m', 'value', other);
    assert.equal(traffic.stats.early_requests, 0, 'both may have been under way');
    t.mock.timers.tick(100);
    traffic.enter('m', 'value', other);
    assert.equal(traffic.stats.early_requests, 0);
    traffic.enter('m', 'value', refused);
    assert.equal(traffic.stats.early_requests, 1);
    t.mock.timers.tick(200);
    traffic.enter('m', 'value', other);
    assert.equal(traffic.stats.early_requests, 2);
    t.mock.timers.tick(3000);  // A date is rounded up to the whole second.
    traffic.enter('m', 'value', other);
    assert.equal(traffic.stats.early_requests, 2, 'it is over');
  }
});
