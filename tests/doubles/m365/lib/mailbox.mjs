// One mailbox: folders, messages, and a log of changes for each folder that delta tokens point into.
//
// Every change takes the next number. A delta round is what the log says after the number in its token, so a token means something however
// much changes between two requests.
import { createHash, randomBytes } from 'node:crypto';

export const wellKnown = { Inbox: 'inbox', 'Sent Items': 'sentitems', Drafts: 'drafts', 'Junk Email': 'junkemail', 'Deleted Items': 'deleteditems', Outbox: 'outbox', Archive: 'archive' };

export const recoverable = { Deletions: 'recoverableitemsdeletions', Purges: 'recoverableitemspurges', Versions: 'recoverableitemsversions', DiscoveryHolds: 'recoverableitemsdiscoveryholds' };

const newId = (prefix) => `${prefix}${randomBytes(33).toString('base64url')}=`;
const changeKey = () => randomBytes(9).toString('base64');

export class Mailbox {
  constructor() {
    this.number = 0;
    this.folders = new Map();
    this.messages = new Map();
    this.folderLog = [];
    this.root = this.#addFolder({ name: 'Top of Information Store', parent: null });
    for (const name of Object.keys(wellKnown)) this.folder(name);
    this.epoch = 0;  // of its sync states
    // Recoverable Items lie beside the tree: in no delta, and below no folder that is listed.
    this.recoverable = this.#addFolder({ name: 'Recoverable Items', parent: null });
    for (const name of Object.keys(recoverable)) this.#addFolder({ name, parent: this.recoverable.id, beside: true });
  }

  #addFolder({ name, parent, hidden = false, search = false, beside = false }) {
    const folder = { id: newId('AQMk'), name, parent, hidden, search, beside, log: [], count: 0, number: 0 };
    this.folders.set(folder.id, folder);
    this.#folderChanged(folder);
    return folder;
  }

  #folderChanged(folder) {
    folder.number = ++this.number;
    if (folder.parent !== null && !folder.beside) this.folderLog.push({ number: folder.number, id: folder.id });
  }

  // The folder with that path below the top; made when it is not there.
  folder(path, options = {}) {
    let at = this.root;
    const names = path.split('/').filter(Boolean);
    names.forEach((name, depth) => {
      const last = depth === names.length - 1;
      at = this.children(at.id).find((one) => one.name === name) ?? this.#addFolder({ name, parent: at.id, ...(last ? options : {}) });
    });
    return at;
  }

  children(id) { return [...this.folders.values()].filter((one) => one.parent === id); }

  find(idOrName) {
    if (idOrName.toLowerCase() === 'msgfolderroot') return this.root;
    if (idOrName.toLowerCase() === 'recoverableitemsroot') return this.recoverable;
    const beside = Object.keys(recoverable).find((key) => recoverable[key] === idOrName.toLowerCase());
    if (beside) return this.children(this.recoverable.id).find((one) => one.name === beside);
    const name = Object.keys(wellKnown).find((key) => wellKnown[key] === idOrName.toLowerCase());
    return name ? this.children(this.root.id).find((one) => one.name === name) : this.folders.get(idOrName);
  }

  path(folder) {
    const names = [];
    for (let at = folder; at && at.parent !== null; at = this.folders.get(at.parent)) names.unshift(at.name);
    if (folder.beside) names.unshift(this.recoverable.name);
    return names.join('/');
  }

  moveFolder(folder, path) {
    const names = path.split('/').filter(Boolean);
    folder.name = names.pop();
    folder.parent = names.length ? this.folder(names.join('/')).id : this.root.id;
    this.#folderChanged(folder);
  }

  removeFolder(folder) {
    for (const child of this.children(folder.id)) this.removeFolder(child);
    for (const message of [...this.messages.values()]) if (message.folder === folder.id) this.remove(message.id);
    this.folders.delete(folder.id);
    this.#folderChanged(folder);
  }

  #changed(folder, id) {
    const number = ++this.number;
    folder.log.push({ number, id });
    return number;
  }

  // `content` gives the message's bytes; it is called anew for each reader.
  add(folder, content, { received = new Date(), isRead = true, id = newId('AAMk'), hidden = false, ...more } = {}) {
    const message = { id, folder: folder.id, content, received, isRead, isDraft: folder.name === 'Drafts', changeKey: changeKey(), number: 0, ...more };
    this.messages.set(id, message);
    folder.count += 1;
    if (!hidden) message.number = this.#changed(folder, id);  // Else no delta ever tells it.
    return message;
  }

  remove(id) {
    const message = this.messages.get(id);
    const folder = this.folders.get(message.folder);
    this.messages.delete(id);
    folder.count -= 1;
    this.#changed(folder, id);
  }

  // A moved message gets a new id, as default ids do.
  move(id, folder) {
    const { id: _, folder: __, changeKey: ___, number: ____, isDraft: _____, ...kept } = this.messages.get(id);
    this.remove(id);
    return this.add(folder, kept.content, kept);
  }

  // Another data centre: no sync state is known any more, and, when wanted, each message has another id.
  migrate(newIds) {
    this.epoch += 1;
    if (!newIds) return;
    for (const message of [...this.messages.values()]) {
      const { id: _, folder, changeKey: __, number: ___, ...kept } = message;
      this.remove(message.id);
      this.add(this.folders.get(folder), kept.content, kept);
    }
  }

  change(message, { isRead, flag }) {
    if (isRead !== undefined) message.isRead = isRead;
    if (flag !== undefined) message.flagged = flag.flagStatus === 'flagged';
    message.changeKey = changeKey();
    message.number = this.#changed(this.folders.get(message.folder), message.id);
  }

  // Up to `limit` entries of a log after `since`. What was gone before the number `begun`, when a first round began, was never there for its
  // reader; what goes while he reads is told, or it would stay with him for good. 0 in later rounds.
  static page(log, since, limit, begun, stateOf) {
    let low = 0, high = log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (log[middle].number <= since) low = middle + 1;
      else high = middle;
    }
    const items = [];
    let last = since;
    for (; low < log.length && items.length < limit; ++low) {
      const { number, id } = log[low];
      last = number;
      const state = stateOf(id);
      if (state && state.number !== number) continue;  // A later entry says it.
      if (state) items.push({ id, state });
      else if (number > begun && !items.some((one) => one.id === id)) items.push({ id, state: null });
    }
    return { items, last, more: low < log.length };
  }

  // What is really there: what an archive must have in the end.
  truth() {
    return [...this.messages.values()].map((message) => {
      const bytes = message.content();
      const folder = this.folders.get(message.folder);
      return { id: message.id, folder: this.path(folder), hidden: folder.hidden, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
    });
  }
}
