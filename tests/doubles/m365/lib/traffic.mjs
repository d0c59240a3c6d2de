// What was asked, what goes wrong on demand, and whether a client keeps the manners: at most four at once per mailbox, and nothing
// before a Retry-After is over.
const toleranceMs = 50;
// How long a refusal may be on its way to its reader, and a request on its way here.
const underWayMs = 250;

export class Traffic {
  constructor() {
    this.faults = [];
    this.delayMs = 0;
    this.reset();
  }

  reset() {
    this.stats = { requests: 0, by_kind: {}, early_requests: 0, early: [], throttled: 0, over_limit: 0, max_concurrent: 0, faults: 0 };
    this.inFlight = new Map();
    this.notBefore = new Map();
  }

  // Counts a request; true when it is one too many for its mailbox.
  enter(mailbox, kind, connection) {
    this.stats.requests += 1;
    this.stats.by_kind[kind] = (this.stats.by_kind[kind] ?? 0) + 1;
    if (mailbox === null) return false;
    const pause = this.notBefore.get(mailbox);
    if (this.#isEarly(pause, connection)) {
      this.stats.early_requests += 1;
      if (this.stats.early.length < 20) this.stats.early.push({ kind, after_ms: Date.now() - pause.since, before_ms: pause.until - Date.now(), same_connection: connection === pause.connection });
    }
    const now = (this.inFlight.get(mailbox) ?? 0) + 1;
    this.inFlight.set(mailbox, now);
    this.stats.max_concurrent = Math.max(this.stats.max_concurrent, now);
    if (now <= 4) return false;
    this.stats.over_limit += 1;
    return true;
  }

  // A request may have been under way already when another one was refused: on another connection, or waiting for this very one to be free.
  #isEarly(pause, connection) {
    if (!pause || Date.now() + toleranceMs >= pause.until) return false;
    return Date.now() > pause.since + (connection === pause.connection ? toleranceMs : underWayMs);
  }

  leave(mailbox) {
    if (mailbox !== null) this.inFlight.set(mailbox, Math.max(0, (this.inFlight.get(mailbox) ?? 0) - 1));
  }

  // A rule: {match, kind, every | count, after, retry_after}. `match` is a regular expression on "GET /path".
  setFaults(rules) { this.faults = rules.map((rule) => ({ ...rule, match: new RegExp(rule.match ?? '.', 'u'), seen: 0, done: 0 })); }

  fault(line) {
    for (const rule of this.faults) {
      if (!rule.match.test(line)) continue;
      rule.seen += 1;
      const due = rule.every ? rule.seen % rule.every === 0 : rule.seen > (rule.after ?? 0);
      if (!due || (rule.count !== undefined && rule.done >= rule.count)) continue;
      rule.done += 1;
      this.stats.faults += 1;
      return rule;
    }
    return null;
  }

  // The header's value for "2", "0.5" or {date: 3}, and the time before which nobody shall come again.
  retryAfter(mailbox, form, connection) {
    if (form === undefined || form === null) return null;
    const seconds = typeof form === 'object' ? form.date : Number(form);
    let value = String(form), until = Date.now() + seconds * 1000;
    if (typeof form === 'object') {
      until = Math.ceil(until / 1000) * 1000;  // A date has whole seconds.
      value = new Date(until).toUTCString();
    }
    if (mailbox !== null && until > (this.notBefore.get(mailbox)?.until ?? 0)) this.notBefore.set(mailbox, { since: Date.now(), until, connection });
    return value;
  }
}
