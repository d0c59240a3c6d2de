// One mailbox of Exchange: folders, items, and what changed when, so that a sync state means something however much happens between two
// requests. Every change takes the next number.
import { createHash, randomBytes } from 'node:crypto';

export const distinguished = { Inbox: 'inbox', 'Sent Items': 'sentitems', Drafts: 'drafts', 'Junk Email': 'junkemail', 'Deleted Items': 'deleteditems', Outbox: 'outbox', Calendar: 'calendar', Contacts: 'contacts', 'Sync Issues': 'syncissues' };
const kinds = { Calendar: 'IPF.Appointment', Contacts: 'IPF.Contact' };

// Case-sensitive, with the characters of base64, as real ones are.
const newId = (prefix) => `${prefix}${randomBytes(60).toString('base64')}=`;
const changeKey = () => `CQAA${randomBytes(12).toString('base64')}`;

export class Mailbox {
  constructor({ bare = false } = {}) {
    this.number = 0;
    this.folders = new Map();
    this.items = new Map();
    this.roots = {};
    this.removedFolders = [];  // {number, id, root}
    if (bare) return;
    for (const [name, label] of [['root', 'Root'], ['msgfolderroot', 'Top of Information Store'], ['recoverableitemsroot', 'Recoverable Items'], ['searchfolders', 'Finder']]) this.#root(name, label);
    this.roots.msgfolderroot.parent = this.roots.root.id;
    for (const name of Object.keys(distinguished)) this.folder(name, { kind: kinds[name] });
    this.folder('Deletions', { root: 'recoverableitemsroot' });
  }

  #root(name, label) { this.roots[name] = this.#addFolder({ name: label, parent: null, root: name }); }

  enableArchive() {
    this.#root('archivemsgfolderroot', 'Top of Information Store');
    this.#root('archiverecoverableitemsroot', 'Recoverable Items');
  }

  #addFolder({ name, parent, root, kind = 'IPF.Note', search = false }) {
    const folder = { id: newId('AAMkF'), changeKey: changeKey(), name, parent, root, kind, search, removed: [], created: ++this.number, changed: this.number, count: 0 };
    this.folders.set(folder.id, folder);
    return folder;
  }

  // The folder with that path below a root; made when it is not there.
  folder(path, { root = 'msgfolderroot', ...options } = {}) {
    let at = this.roots[root];
    const names = path.split('/').filter(Boolean);
    names.forEach((name, depth) => {
      const last = depth === names.length - 1;
      at = this.children(at.id).find((one) => one.name === name) ?? this.#addFolder({ name, parent: at.id, root, ...(last ? options : {}) });
    });
    return at;
  }

  // A name may have a '/' in it.
  create(parent, name) { return this.#addFolder({ name, parent: parent.id, root: parent.root }); }

  children(id) { return [...this.folders.values()].filter((one) => one.parent === id); }

  named(name) {
    if (this.roots[name]) return this.roots[name];
    const label = Object.keys(distinguished).find((key) => distinguished[key] === name);
    if (label) return this.children(this.roots.msgfolderroot.id).find((one) => one.name === label);
    if (name === 'recoverableitemsdeletions') return this.folder('Deletions', { root: 'recoverableitemsroot' });
    return undefined;
  }

  below(root) {
    const found = [];
    for (const child of this.children(root.id)) found.push(child, ...this.below(child));
    return found;
  }

  path(folder) {
    const names = [];
    for (let at = folder; at && at.parent !== null && this.roots[at.root] !== at; at = this.folders.get(at.parent)) names.unshift(at.name);
    return names.join('/');
  }

  #folderChanged(folder) {
    folder.changed = ++this.number;
    folder.changeKey = changeKey();
  }

  moveFolder(folder, path) {
    const names = path.split('/').filter(Boolean);
    folder.name = names.pop();
    folder.parent = names.length ? this.folder(names.join('/'), { root: folder.root }).id : this.roots[folder.root].id;
    this.#folderChanged(folder);
  }

  removeFolder(folder) {
    for (const child of this.children(folder.id)) this.removeFolder(child);
    for (const item of this.in(folder)) this.remove(item.id);
    this.folders.delete(folder.id);
    this.removedFolders.push({ number: ++this.number, id: folder.id, root: folder.root });
  }

  in(folder) { return [...this.items.values()].filter((one) => one.folder === folder.id); }

  // `content` gives the item's bytes; it is called anew for each reader.
  add(folder, content, { received = new Date(), isRead = true, isDraft = folder.name === 'Drafts', modified = new Date(), size } = {}) {
    const item = { id: newId('AAMk'), folder: folder.id, content, received, modified, isRead, isDraft, flagged: false, changeKey: changeKey(), itemClass: 'IPM.Note', uid: ++this.number, size: size ?? content().length };
    item.created = item.changed = item.read = item.uid;
    this.items.set(item.id, item);
    folder.count += 1;
    return item;
  }

  remove(id) {
    const item = this.items.get(id), folder = this.folders.get(item.folder);
    this.items.delete(id);
    folder.count -= 1;
    folder.removed.push({ number: ++this.number, id, created: item.created });
    return item;
  }

  softDelete(id) {
    const { content, received, isRead, size } = this.remove(id);
    return this.add(this.named('recoverableitemsdeletions'), content, { received, isRead, size, isDraft: false });
  }

  // An item that is moved has another id afterwards.
  move(id, folder) {
    const { content, received, isRead, size, modified } = this.remove(id);
    return this.add(folder, content, { received, isRead, size, modified, isDraft: false });
  }

  change(item, { isRead, flagged, content }) {
    item.changeKey = changeKey();
    item.modified = new Date();
    if (content) [item.content, item.size] = [() => content, content.length];
    if (flagged !== undefined) item.flagged = flagged;
    if (isRead === undefined) item.changed = ++this.number;
    else [item.isRead, item.read] = [isRead, ++this.number];
  }

  // Everything gets another id, as when a mailbox is moved into another forest.
  renumber() {
    for (const item of [...this.items.values()]) {
      this.items.delete(item.id);
      item.id = newId('AAMk');
      this.items.set(item.id, item);
    }
  }

  // One page of the changes of a folder after a state: {begun, after} while a first listing goes on, newest first; {since} afterwards.
  sync(folder, state, limit) {
    if (!state || state.since === undefined) {
      const begun = state?.begun ?? this.number, after = state?.after;
      const order = (a, b) => b.received - a.received || (a.id < b.id ? -1 : 1);
      const all = (folder.listing?.begun === begun ? folder.listing.items : this.in(folder).filter((one) => one.created <= begun && !one.hidden).sort(order));
      folder.listing = { begun, items: all };
      const from = after ? all.findIndex((one) => one.id === after) + 1 : 0;
      const page = all.slice(from, from + limit), more = from + limit < all.length;
      const next = more ? { begun, after: page.at(-1).id } : { since: begun };
      if (!more) delete folder.listing;
      return { changes: page.filter((one) => this.items.get(one.id)?.folder === folder.id).map((item) => ({ kind: 'Create', item })), next, more };
    }
    const { since } = state, changes = [];
    for (const item of this.in(folder)) {
      if (item.hidden) continue;
      if (item.created > since) changes.push({ number: Math.max(item.created, item.changed, item.read), kind: 'Create', item });
      else if (item.changed > since) changes.push({ number: Math.max(item.changed, item.read), kind: 'Update', item });
      else if (item.read > since) changes.push({ number: item.read, kind: 'ReadFlagChange', item });
    }
    for (const gone of folder.removed) if (gone.number > since && gone.created <= since) changes.push({ number: gone.number, kind: 'Delete', id: gone.id });
    changes.sort((a, b) => a.number - b.number);
    const page = changes.slice(0, limit), more = changes.length > limit;
    return { changes: page, next: { since: more ? page.at(-1).number : this.number }, more };
  }

  syncHierarchy(root, since) {
    const below = this.below(root), changes = [];
    for (const folder of below) {
      if (folder.created > since) changes.push({ kind: 'Create', folder });
      else if (folder.changed > since) changes.push({ kind: 'Update', folder });
    }
    for (const gone of this.removedFolders) if (gone.number > since && gone.root === root.root) changes.push({ kind: 'Delete', id: gone.id });
    return { changes, next: this.number };
  }

  // What is really there: what an archive must have in the end.
  truth() {
    return [...this.items.values()].map((item) => {
      const bytes = item.content(), folder = this.folders.get(item.folder);
      return { id: item.id, folder: this.path(folder), root: folder.root, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length, broken: item.broken };
    });
  }
}
