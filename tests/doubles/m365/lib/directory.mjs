// What the directory half of Graph answers: users and groups by delta, with tokens that mean a moment.
import { createHash, randomUUID } from 'node:crypto';

const encode = (state) => Buffer.from(JSON.stringify(state)).toString('base64url');
function decode(token) {
  try {
    return JSON.parse(Buffer.from(token, 'base64url'));
  } catch {
    return null;
  }
}

export class DirectoryObjects {
  constructor(organisation) {
    this.organisation = organisation;
    this.number = 1;
    this.epoch = 0;  // Of delta tokens: older ones are refused.
    this.changed = new Map(organisation.users.map((user) => [user.id, 1]));  // user id -> number of its last change
    this.removed = new Map();  // user id -> {number, reason}
    this.groups = new Map();   // id -> {id, displayName, members: Set, number, removed}
  }

  evict() { this.epoch += 1; }

  // People and groups by rule, without mailboxes: for large directories.
  synthesize({ users = 0, groups = 0 }) {
    for (let n = 0; n < users; ++n) {
      const upn = `d${n}@synthetic.example`;
      const id = createHash('sha256').update(upn).digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/u, '$1-$2-$3-$4-$5');
      this.putUser({ id, userPrincipalName: upn, displayName: `Directory person ${n}`, mail: upn, proxyAddresses: [`SMTP:${upn}`, `smtp:alias${n}@synthetic.example`], accountEnabled: true, licensed: true });
    }
    const { users: all } = this.organisation;
    for (let g = 0; g < groups; ++g) this.putGroup({ displayName: `Group ${g}`, members: Array.from({ length: 20 }, (_, n) => all[(g * 17 + n * 31) % all.length].id) });
  }

  // A user that is new, or a change of one.
  putUser(given) {
    const known = this.organisation.users.find((one) => one.id === given.id);
    if (known) Object.assign(known, given);
    else this.organisation.users.push({ mailbox: null, proxyAddresses: [], accountEnabled: true, purpose: 'user', ...given, id: given.id ?? randomUUID() });
    const { id } = known ?? this.organisation.users.at(-1);
    this.removed.delete(id);
    this.changed.set(id, ++this.number);
    return { id };
  }

  removeUser(id, reason = 'changed') {
    const at = this.organisation.users.findIndex((one) => one.id === id);
    if (at < 0) throw new Error(`no user ${id}`);
    this.organisation.users.splice(at, 1);
    this.changed.delete(id);
    this.removed.set(id, { number: ++this.number, reason });
  }

  putGroup({ id = randomUUID(), displayName, members }) {
    const group = this.groups.get(id) ?? { id, displayName, members: new Set() };
    group.displayName = displayName ?? group.displayName;
    if (members) group.members = new Set(members);
    group.number = ++this.number;
    this.groups.set(id, group);
    return { id };
  }

  // One page of a round over `kind`; null when the token is too old.
  delta(kind, query, prefer, origin, viewUser) {
    const token = query.get('$deltatoken') ?? query.get('$skiptoken');
    const state = token === null ? { since: 0, after: 0, until: this.number, epoch: this.epoch, select: query.get('$select') } : decode(token);
    if (!state || state.epoch !== this.epoch) return null;
    if (query.get('$deltatoken') !== null) state.until = this.number;
    const size = Number(/odata\.maxpagesize=(\d+)/u.exec(prefer)?.[1] ?? 100);
    const all = kind === 'users'
      ? [...this.organisation.users.map((user) => ({ number: this.changed.get(user.id) ?? 1, view: () => viewUser(user) })),
        ...(state.since === 0 ? [] : [...this.removed].map(([id, { number, reason }]) => ({ number, view: () => ({ id, '@removed': { reason } }) })))]
      : [...this.groups.values()].map((group) => ({ number: group.number,
        view: () => ({ id: group.id, displayName: group.displayName,
          'members@delta': [...group.members].map((id) => ({ '@odata.type': this.groups.has(id) ? '#microsoft.graph.group' : '#microsoft.graph.user', id })) }) }));
    const wanted = all.filter((one) => one.number > state.since && one.number <= state.until).sort((a, b) => a.number - b.number);
    const page = wanted.slice(state.after, state.after + size);
    const more = state.after + size < wanted.length;
    const next = more ? { ...state, after: state.after + size } : { since: state.until, after: 0, until: 0, epoch: this.epoch, select: state.select };
    return { status: 200, body: { value: page.map((one) => one.view()), [more ? '@odata.nextLink' : '@odata.deltaLink']: `${origin}/v1.0/${kind}/delta?${more ? '$skiptoken' : '$deltatoken'}=${encode(next)}` } };
  }
}
