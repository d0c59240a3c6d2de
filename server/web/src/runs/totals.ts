import type { MailboxProgress } from '../api/types';

const counted = ['expected', 'seen', 'archived', 'already_archived', 'quarantined', 'vanished', 'failed', 'bytes'] as const;
export type Totals = Record<(typeof counted)[number], number> & { rate: number; finished: number };

export function totals(mailboxes: readonly MailboxProgress[]): Totals {
  const sum: Totals = { expected: 0, seen: 0, archived: 0, already_archived: 0, quarantined: 0, vanished: 0, failed: 0, bytes: 0, rate: 0, finished: 0 };
  for (const mailbox of mailboxes) {
    for (const name of counted) sum[name] += mailbox[name] ?? 0;
    if (mailbox.state === 'running') sum.rate += mailbox.rate ?? 0;
    if (mailbox.state === 'done' || mailbox.state === 'failed') sum.finished++;
  }
  return sum;
}

// How far along, from 0 to 1; undefined when nobody can know yet.
export function fraction(mailbox: Pick<MailboxProgress, 'state' | 'seen' | 'expected'>): number | undefined {
  if (mailbox.state === 'done') return 1;
  if (!mailbox.expected) return undefined;
  return Math.min(1, mailbox.seen / mailbox.expected);
}
