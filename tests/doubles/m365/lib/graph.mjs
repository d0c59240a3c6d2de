// The parts of Microsoft Graph v1.0 that reading mail needs. One function answers {status, body | bytes, headers}; it never writes.
import { DirectoryObjects } from './directory.mjs';
import { Mailbox } from './mailbox.mjs';

const problem = (status, code, message, headers = {}) => ({ status, headers, body: { error: { code, message, innerError: { date: new Date().toISOString() } } } });
const notFound = (what) => problem(404, 'ErrorItemNotFound', `The specified object was not found in the store. ${what}`);

function selected(object, select) {
  if (!select) return object;
  const wanted = new Set(['id', '@odata.type', '@removed', ...select.split(',')]);
  return Object.fromEntries(Object.entries(object).filter(([name]) => wanted.has(name)));
}

const encode = (state) => Buffer.from(JSON.stringify(state)).toString('base64url');
function decode(token) {
  try {
    return JSON.parse(Buffer.from(token, 'base64url'));
  } catch {
    return null;
  }
}

export class Graph {
  constructor(organisation) {
    this.organisation = organisation;
    this.directory = new DirectoryObjects(organisation);
    this.epoch = 0;  // Of sync states: an older one is not known any more.
  }

  evictSyncStates() { this.epoch += 1; }

  // `path` without "/v1.0", decoded piece by piece.
  answer({ method, path, query, prefer, body, origin }) {
    const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
    if (parts[0] === 'organization' && method === 'GET') return { status: 200, body: { value: [{ id: this.organisation.directoryId, displayName: this.organisation.displayName }] } };
    if (parts[0] === '$batch' && method === 'POST') return this.#batch(body, origin);
    if (parts[0] === 'groups' && parts.length === 1) return { status: 200, body: { value: [...this.directory.groups.values()].map(({ id, displayName }) => ({ id, displayName })) } };
    if ((parts[0] === 'users' || parts[0] === 'groups') && parts[1] === 'delta') return this.directory.delta(parts[0], query, prefer, origin, (user) => this.#user(user)) ?? this.#lost();
    if (parts[0] !== 'users') return problem(400, 'BadRequest', `Resource not found for the segment '${parts[0] ?? ''}'.`);
    if (parts.length === 1) return this.#users(query, origin);
    const user = this.organisation.user(parts[1]);
    if (!user) return problem(404, 'Request_ResourceNotFound', `Resource '${parts[1]}' does not exist or one of its queried reference-property objects are not present.`);
    if (parts.length === 2) return { status: 200, body: selected(this.#user(user), query.get('$select')) };
    if (user.denied) return problem(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
    if (!user.mailbox) return problem(404, 'MailboxNotEnabledForRESTAPI', 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.');
    if (parts[2] === 'mailboxSettings') return { status: 200, body: parts[3] === 'userPurpose' ? { value: user.purpose } : { userPurpose: user.purpose } };
    const call = { method, query, body, prefer, user, mailbox: user.mailbox, base: `${origin}/v1.0/users/${user.id}`, pageSize: Number(/odata\.maxpagesize=(\d+)/u.exec(prefer)?.[1] ?? 10) };
    if (parts[2] === 'mailFolders') return this.#folders(call, parts.slice(3));
    if (parts[2] === 'messages') return this.#message(call, parts.slice(3));
    return problem(400, 'BadRequest', `Resource not found for the segment '${parts[2]}'.`);
  }

  #batch(body, origin) {
    const requests = body?.requests;
    if (!Array.isArray(requests) || requests.length > 20) return problem(400, 'BadRequest', 'A batch has 1 to 20 requests.');
    const responses = requests.map(({ id, method, url, headers = {}, body: inner }) => {
      const [path, search = ''] = url.split('?');
      const answer = this.answer({ method, path, query: new URLSearchParams(search), prefer: headers.Prefer ?? headers.prefer ?? '', body: inner, origin });
      return { id, status: answer.status, headers: { 'Content-Type': 'application/json' }, body: answer.bytes ? answer.bytes.toString('base64') : answer.body };
    });
    return { status: 200, body: { responses: responses.reverse() } };  // Their order is not promised.
  }

  #user({ id, userPrincipalName, displayName, mail, proxyAddresses, accountEnabled, licensed, userType = 'Member', onPremises = {} }) {
    return { id, userPrincipalName, displayName, mail, proxyAddresses, accountEnabled, userType, ...onPremises,
      assignedPlans: licensed ? [{ service: 'exchange', capabilityStatus: 'Enabled' }] : [] };
  }

  #users(query, origin) {
    const top = Math.min(Number(query.get('$top') ?? 100), 999), skip = Number(query.get('$skiptoken') ?? 0), { users } = this.organisation;
    const value = users.slice(skip, skip + top).map((user) => selected(this.#user(user), query.get('$select')));
    const more = skip + top < users.length;
    const next = new URLSearchParams(query);
    next.set('$skiptoken', String(skip + top));
    return { status: 200, body: { value, ...(more ? { '@odata.nextLink': `${origin}/v1.0/users?${next}` } : {}) } };
  }

  #folderView(mailbox, folder) {
    return { ...(folder.search ? { '@odata.type': '#microsoft.graph.mailSearchFolder' } : {}), id: folder.id, displayName: folder.name, parentFolderId: folder.parent ?? folder.id,
      isHidden: folder.hidden, childFolderCount: mailbox.children(folder.id).filter((one) => !one.hidden).length, totalItemCount: folder.count, unreadItemCount: 0 };
  }

  #folders(call, [name, ...rest]) {
    const { mailbox, query, method } = call;
    if (name === undefined) return this.#folderList(call, mailbox.root, `${call.base}/mailFolders`);
    if (name === 'delta') return this.#folderDelta(call);
    const folder = mailbox.find(name);
    if (!folder) return problem(404, 'ErrorItemNotFound', 'The specified object was not found in the store., The folder cannot be found.');
    if (rest.length === 0) {
      if (method === 'DELETE') return mailbox.removeFolder(folder), { status: 204 };
      return { status: 200, body: selected(this.#folderView(mailbox, folder), query.get('$select')) };
    }
    if (rest[0] === 'childFolders') return this.#folderList(call, folder, `${call.base}/mailFolders/${encodeURIComponent(folder.id)}/childFolders`);
    if (rest[0] === 'messages' && rest[1] === 'delta') return this.#messageDelta(call, folder);
    if (rest[0] === 'messages' && rest.length === 1) return this.#messageList(call, folder);
    return problem(400, 'BadRequest', `Resource not found for the segment '${rest[0]}'.`);
  }

  #folderList({ mailbox, query }, parent, url) {
    const hidden = query.get('includeHiddenFolders') === 'true';
    const all = mailbox.children(parent.id).filter((one) => hidden || !one.hidden);
    return this.#listPage(all, query, url, (folder) => this.#folderView(mailbox, folder));
  }

  #messageList({ mailbox, query, base }, folder) {
    const all = [...mailbox.messages.values()].filter((one) => one.folder === folder.id);
    return this.#listPage(all, query, `${base}/mailFolders/${encodeURIComponent(folder.id)}/messages`, (message) => this.#messageView(message));
  }

  #listPage(all, query, url, view) {
    const top = Math.min(Number(query.get('$top') ?? 10), 1000), skip = Number(query.get('$skip') ?? 0);
    const next = new URLSearchParams(query);
    next.set('$skip', String(skip + top));
    return { status: 200, body: { value: all.slice(skip, skip + top).map((one) => selected(view(one), query.get('$select'))), ...(skip + top < all.length ? { '@odata.nextLink': `${url}?${next}` } : {}) } };
  }

  // {since, begun, select} of the token, or of a first request; null: the sync state is not known any more.
  #deltaState(mailbox, query) {
    const token = query.get('$deltatoken') ?? query.get('$skiptoken');
    if (token === null) return { since: 0, begun: mailbox.number, select: query.get('$select') };
    const state = decode(token);
    return state && state.epoch === this.epoch ? state : null;
  }

  #deltaAnswer(url, state, { last, more }, value) {
    const token = encode({ since: last, begun: more ? state.begun : 0, select: state.select, epoch: this.epoch });
    return { status: 200, body: { value: value.map((one) => selected(one, state.select)), [more ? '@odata.nextLink' : '@odata.deltaLink']: `${url}?${more ? '$skiptoken' : '$deltatoken'}=${token}` } };
  }

  #folderDelta({ mailbox, query, base, pageSize }) {
    const state = this.#deltaState(mailbox, query);
    if (!state) return this.#lost();
    const page = Mailbox.page(mailbox.folderLog, state.since, pageSize, state.begun, (id) => mailbox.folders.get(id));
    const value = page.items.filter((one) => !one.state?.hidden).map(({ id, state: folder }) => (folder ? this.#folderView(mailbox, folder) : { id, '@removed': { reason: 'deleted' } }));
    return this.#deltaAnswer(`${base}/mailFolders/delta`, state, page, value);
  }

  #messageDelta({ mailbox, query, base, pageSize }, folder) {
    const state = this.#deltaState(mailbox, query);
    if (!state) return this.#lost();
    const here = (id) => { const message = mailbox.messages.get(id); return message?.folder === folder.id ? message : undefined; };
    const page = Mailbox.page(folder.log, state.since, pageSize, state.begun, here);
    const value = page.items.map(({ id, state: message }) => (message ? this.#messageView(message) : { '@odata.type': '#microsoft.graph.message', id, '@removed': { reason: 'deleted' } }));
    return this.#deltaAnswer(`${base}/mailFolders/${encodeURIComponent(folder.id)}/messages/delta`, state, page, value);
  }

  #lost() { return problem(410, 'syncStateNotFound', 'The sync state generation is not found; issue a new request without token.', { Location: '?$deltatoken=' }); }

  #messageView(message) {
    return { '@odata.etag': `W/"${message.changeKey}"`, id: message.id, changeKey: message.changeKey, parentFolderId: message.folder, receivedDateTime: message.received.toISOString().replace('.000Z', 'Z'),
      isRead: message.isRead, isDraft: message.isDraft };
  }

  #message({ method, query, body, mailbox }, [id, action]) {
    const message = mailbox.messages.get(id ?? '');
    if (!message) return notFound('');
    if (action === '$value' && method === 'GET') return { status: 200, bytes: message.content() };
    if (action === 'move' && method === 'POST') {
      const target = mailbox.find(body?.destinationId ?? '');
      return target ? { status: 201, body: this.#messageView(mailbox.move(id, target)) } : notFound('The folder cannot be found.');
    }
    if (action === 'permanentDelete' && method === 'POST') return mailbox.remove(id), { status: 204 };
    if (action !== undefined) return problem(400, 'BadRequest', `Resource not found for the segment '${action}'.`);
    if (method === 'DELETE') {
      const bin = mailbox.find('deleteditems');
      if (message.folder === bin.id) mailbox.remove(id);
      else mailbox.move(id, bin);
      return { status: 204 };
    }
    if (method === 'PATCH') mailbox.change(message, body ?? {});
    return { status: 200, body: selected(this.#messageView(message), query.get('$select')) };
  }
}
