// The parts of Microsoft Graph v1.0 that reading mail needs. One function answers {status, body | bytes, headers}; it never writes.
import { randomUUID } from 'node:crypto';
import { DirectoryObjects } from './directory.mjs';
import { Mailbox } from './mailbox.mjs';
import { created, property, rendered } from './written.mjs';

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
    this.varyMime = false;
    this.granted = new Set(['User.Read.All', 'Organization.Read.All', 'MailboxSettings.Read', 'Mail.ReadWrite']);
    this.secrets = [];        // of the application, as its owner sees them
    this.uploads = new Map();
  }

  #may(permission) {
    const stronger = { 'Mail.ReadBasic.All': ['Mail.Read', 'Mail.ReadWrite'], 'Mail.Read': ['Mail.ReadWrite'] };
    return this.granted.has(permission) || (stronger[permission] ?? []).some((one) => this.granted.has(one));
  }

  evictSyncStates() { this.epoch += 1; }

  // `path` without its version, decoded piece by piece.
  answer({ method, version = 'v1.0', path, query, prefer, ifMatch, body, origin }) {
    const parts = path.split('/').filter(Boolean).map(decodeURIComponent);
    const unconsented = () => problem(403, 'Authorization_RequestDenied', 'Insufficient privileges to complete the operation.');
    const denied = (text = 'Access is denied. Check credentials and try again.') => problem(403, 'ErrorAccessDenied', text);
    if (parts[0] === 'organization' && method === 'GET') return this.#may('Organization.Read.All') ? { status: 200, body: { value: [{ id: this.organisation.directoryId, displayName: this.organisation.displayName }] } } : unconsented();
    if (parts[0] === '$batch' && method === 'POST') return this.#batch(body, origin);
    if (parts[0] === 'groups' && parts.length === 1) return { status: 200, body: { value: [...this.directory.groups.values()].map(({ id, displayName }) => ({ id, displayName })) } };
    if ((parts[0] === 'users' || parts[0] === 'groups') && parts[1] === 'delta') return this.directory.delta(parts[0], query, prefer, origin, (user) => this.#user(user)) ?? this.#lost();
    if (parts[0] === `applications(appId='${this.organisation.clientId}')`) return this.#may('Application.Read.All') ? { status: 200, body: { passwordCredentials: this.secrets } } : unconsented();
    if (parts[0] !== 'users') return problem(400, 'BadRequest', `Resource not found for the segment '${parts[0] ?? ''}'.`);
    if (parts.length <= 2 && !this.#may('User.Read.All')) return unconsented();
    if (parts.length === 1) return this.#users(query, origin);
    const { user, mailbox } = this.organisation.mailbox(parts[1]) ?? {};
    if (!user) return problem(404, 'Request_ResourceNotFound', `Resource '${parts[1]}' does not exist or one of its queried reference-property objects are not present.`);
    if (parts.length === 2) return { status: 200, body: selected(this.#user(user), query.get('$select')) };
    if (user.denied) return denied();
    if (user.policy) return denied('Access to OData is disabled.');
    if (parts[2] === 'settings' && parts[3] === 'exchange') return this.#exchangeSettings(user, version);
    if (!mailbox || user.gone) return problem(404, 'MailboxNotEnabledForRESTAPI', 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.');
    if (parts[2] === 'mailboxSettings') return !this.#may('MailboxSettings.Read') ? denied() : { status: 200, body: parts[3] === 'userPurpose' ? { value: user.purpose } : { userPurpose: user.purpose } };
    if (!this.#may('Mail.ReadBasic.All') || (parts.at(-1) === '$value' && !this.#may('Mail.Read')) || (method !== 'GET' && !this.#may('Mail.ReadWrite'))) return denied();
    const call = { method, query, body, prefer, ifMatch, user, mailbox, origin, base: `${origin}/v1.0/users/${encodeURIComponent(parts[1])}`, pageSize: Number(/odata\.maxpagesize=(\d+)/u.exec(prefer)?.[1] ?? 10) };
    if (parts[2] === 'mailFolders') return this.#folders(call, parts.slice(3));
    if (parts[2] === 'messages') return parts.length === 3 ? this.#messageList(call, null) : this.#message(call, parts.slice(3));
    return problem(400, 'BadRequest', `Resource not found for the segment '${parts[2]}'.`);
  }

  // Which further mailboxes there are: only the beta tells of archives.
  #exchangeSettings(user, version) {
    if (!this.#may('User.Read.All')) return problem(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
    if (!user.mailbox || user.gone) return problem(404, 'MailboxNotEnabledForRESTAPI', 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.');
    const name = (id) => `MBX:${id}@${this.organisation.directoryId}`;
    return { status: 200, body: { primaryMailboxId: name(user.id), ...(version === 'beta' && user.archive ? { inPlaceArchiveMailboxId: name(user.archive.id) } : {}) } };
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
    const top = Math.min(Number(query.get('$top') ?? 100), 999), skip = Number(query.get('$skiptoken') ?? 0), users = this.organisation.users.filter((one) => !one.removed);
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
    if (name === undefined) return method === 'POST' ? this.#createFolder(call, mailbox.root) : this.#folderList(call, mailbox.root, `${call.base}/mailFolders`);
    if (name === 'delta') return this.#folderDelta(call);
    const folder = mailbox.find(name);
    if (!folder) return problem(404, 'ErrorItemNotFound', 'The specified object was not found in the store., The folder cannot be found.');
    if (rest.length === 0) {
      if (method === 'DELETE') return mailbox.removeFolder(folder), { status: 204 };
      return { status: 200, body: selected(this.#folderView(mailbox, folder), query.get('$select')) };
    }
    if (folder.moved && rest[0] === 'messages') return problem(400, 'ErrorArchiveFolderMovedPermanently', 'The folder has moved to an auxiliary archive mailbox.');
    if (rest[0] === 'childFolders' && method === 'POST') return this.#createFolder(call, folder);
    if (rest[0] === 'messages' && rest.length === 1 && method === 'POST') return { status: 201, body: this.#messageView(created(mailbox, folder, call.body)) };
    if (rest[0] === 'childFolders') return this.#folderList(call, folder, `${call.base}/mailFolders/${encodeURIComponent(folder.id)}/childFolders`);
    if (rest[0] === 'messages' && rest[1] === 'delta') return this.#messageDelta(call, folder);
    if (rest[0] === 'messages' && rest.length === 1) return this.#messageList(call, folder);
    return problem(400, 'BadRequest', `Resource not found for the segment '${rest[0]}'.`);
  }

  #createFolder({ mailbox, body }, parent) {
    const name = String(body?.displayName ?? '');
    if (!name) return problem(400, 'ErrorInvalidRequest', 'A folder has a name.');
    if (mailbox.children(parent.id).some((one) => one.name.toLowerCase() === name.toLowerCase())) return problem(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
    const path = mailbox.path(parent);
    return { status: 201, body: this.#folderView(mailbox, mailbox.folder(path ? `${path}/${name}` : name)) };
  }

  #folderList({ mailbox, query }, parent, url) {
    const hidden = query.get('includeHiddenFolders') === 'true';
    const all = mailbox.children(parent.id).filter((one) => hidden || !one.hidden);
    return this.#listPage(all, query, url, (folder) => this.#folderView(mailbox, folder));
  }

  // `$filter` on receivedDateTime or on an extended property, and `$orderby` of the time: what listings of a mailbox can count on.
  #messageList({ mailbox, query, base }, folder) {
    let all = [...mailbox.messages.values()].filter((one) => (folder ? one.folder === folder.id : !mailbox.folders.get(one.folder).beside));
    const [, wantedId, wantedValue] = /^singleValueExtendedProperties\/Any\(ep: ep\/id eq '([^']+)' and ep\/value eq '([^']*)'\)$/u.exec(query.get('$filter') ?? '') ?? [];
    if (wantedId) all = all.filter((one) => property(one.json, wantedId) === wantedValue);
    for (const [, operator, time] of (query.get('$filter') ?? '').matchAll(/receivedDateTime (ge|gt|lt|le) (\S+)/gu)) {
      const at = Date.parse(time), fits = { ge: (x) => x >= at, gt: (x) => x > at, lt: (x) => x < at, le: (x) => x <= at }[operator];
      if (Number.isNaN(at)) return problem(400, 'BadRequest', `Invalid filter clause: ${time}`);
      all = all.filter((one) => fits(one.received.getTime()));
    }
    if (query.get('$orderby') === 'receivedDateTime desc') all.sort((a, b) => b.received - a.received);
    return this.#listPage(all, query, folder ? `${base}/mailFolders/${encodeURIComponent(folder.id)}/messages` : `${base}/messages`, (message) => this.#messageView(message));
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
    return state && state.epoch === this.epoch && state.mailbox === mailbox.epoch ? state : null;
  }

  #deltaAnswer(url, mailbox, state, { last, more }, value) {
    const token = encode({ since: last, begun: more ? state.begun : 0, select: state.select, epoch: this.epoch, mailbox: mailbox.epoch });
    return { status: 200, body: { value: value.map((one) => selected(one, state.select)), [more ? '@odata.nextLink' : '@odata.deltaLink']: `${url}?${more ? '$skiptoken' : '$deltatoken'}=${token}` } };
  }

  #folderDelta({ mailbox, query, base, pageSize }) {
    const state = this.#deltaState(mailbox, query);
    if (!state) return this.#lost();
    const page = Mailbox.page(mailbox.folderLog, state.since, pageSize, state.begun, (id) => mailbox.folders.get(id));
    const value = page.items.filter((one) => !one.state?.hidden).map(({ id, state: folder }) => (folder ? this.#folderView(mailbox, folder) : { id, '@removed': { reason: 'deleted' } }));
    return this.#deltaAnswer(`${base}/mailFolders/delta`, mailbox, state, page, value);
  }

  #messageDelta({ mailbox, query, base, pageSize }, folder) {
    const state = this.#deltaState(mailbox, query);
    if (!state) return this.#lost();
    const here = (id) => { const message = mailbox.messages.get(id); return message?.folder === folder.id ? message : undefined; };
    const page = Mailbox.page(folder.log, state.since, pageSize, state.begun, here);
    const value = page.items.map(({ id, state: message }) => (message ? this.#messageView(message) : { '@odata.type': '#microsoft.graph.message', id, '@removed': { reason: 'deleted' } }));
    return this.#deltaAnswer(`${base}/mailFolders/${encodeURIComponent(folder.id)}/messages/delta`, mailbox, state, page, value);
  }

  #lost() { return problem(410, 'syncStateNotFound', 'The sync state generation is not found; issue a new request without token.', { Location: '?$deltatoken=' }); }

  #messageView(message) {
    return { '@odata.etag': `W/"${message.changeKey}"`, id: message.id, changeKey: message.changeKey, parentFolderId: message.folder, receivedDateTime: message.received.toISOString().replace('.000Z', 'Z'),
      isRead: message.isRead, isDraft: message.isDraft, flag: { flagStatus: message.flagged ? 'flagged' : 'notFlagged' }, ...(message.type ? { '@odata.type': message.type } : {}) };
  }

  #message({ method, query, body, mailbox, ifMatch, origin }, [id, action, ...rest]) {
    const message = mailbox.messages.get(id ?? '');
    if (!message) return /^A[AQ]Mk[\w+/-]+=*$/u.test(id ?? '') ? notFound('') : problem(400, 'ErrorInvalidIdMalformed', 'Id is malformed.');
    if (action === '$value' && method === 'GET') return this.#mime(message);
    if (action === 'attachments') return this.#attachments({ method, body, origin }, message, rest);
    if (method !== 'GET' && ifMatch && ifMatch !== '*' && ifMatch !== `W/"${message.changeKey}"`) return problem(412, 'ErrorIrresolvableConflict', 'The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.');
    if (action === 'move' && method === 'POST') {
      const target = mailbox.find(body?.destinationId ?? '');
      return target ? { status: 201, body: this.#messageView(mailbox.move(id, target)) } : notFound('The folder cannot be found.');
    }
    if (action === 'permanentDelete' && method === 'POST') return mailbox.remove(id), { status: 204 };
    if (action !== undefined) return problem(400, 'BadRequest', `Resource not found for the segment '${action}'.`);
    if (method === 'DELETE') {
      const deletions = mailbox.find('recoverableitemsdeletions');
      if (message.folder === deletions.id) mailbox.remove(id);
      else mailbox.move(id, deletions);
      return { status: 204 };
    }
    if (method === 'PATCH') mailbox.change(message, body ?? {});
    return { status: 200, body: selected({ ...this.#messageView(message), ...(message.json ?? {}) }, query.get('$select')) };
  }

  // Exchange makes the MIME anew for each reader, and cannot for some items.
  #mime(message) {
    if (message.fails) return problem(message.fails.status ?? 500, message.fails.code ?? 'ErrorMimeContentConversionFailed', 'The content conversion failed.');
    const bytes = message.json ? rendered(message) : message.content();
    return { status: 200, bytes: this.varyMime ? Buffer.concat([Buffer.from(`X-MS-Exchange-Rendered: ${randomUUID()}\r\n`), bytes]) : bytes };
  }

  #attachments({ method, body, origin }, message, [action]) {
    message.attachments ??= [];
    if (method === 'GET') return { status: 200, body: { value: message.attachments.map(({ bytes: _, ...one }) => one) } };
    if (action === 'createUploadSession') {
      const item = body?.AttachmentItem ?? {};
      if (!(item.size > 3 << 20) || item.size > 150 << 20) return problem(400, 'ErrorInvalidRequest', 'Sessions are for attachments of 3 to 150 MB.');
      const token = randomUUID();
      this.uploads.set(token, { message, item, pieces: [], size: 0 });
      return { status: 201, body: { uploadUrl: `${origin}/upload/${token}`, expirationDateTime: new Date(Date.now() + 3.6e6).toISOString(), nextExpectedRanges: ['0-'] } };
    }
    const bytes = Buffer.from(body?.contentBytes ?? '', 'base64');
    if (body?.['@odata.type'] !== '#microsoft.graph.fileAttachment' || !body.name) return problem(400, 'ErrorInvalidRequest', 'This is no attachment.');
    if (bytes.length > 3 << 20) return problem(413, 'ErrorMessageSizeExceeded', 'Use an upload session.');
    const { contentBytes: _, ...facts } = body;
    message.attachments.push({ id: randomUUID(), ...facts, size: bytes.length, bytes });
    return { status: 201, body: { id: message.attachments.at(-1).id } };
  }

  // A piece of an attachment. The address is its own permission; a token sent along is refused, as the service does.
  upload(token, headers, body) {
    const upload = this.uploads.get(token);
    const [, from, to, size] = /^bytes (\d+)-(\d+)\/(\d+)$/u.exec(headers['content-range'] ?? '') ?? [];
    if (headers.authorization) return problem(401, 'InvalidAudience', 'The audience is invalid.');
    if (!upload || Number(from) !== upload.size || Number(size) !== upload.item.size || Number(to) - Number(from) + 1 !== body.length) return problem(416, 'invalidRange', 'This range was not expected.');
    if (body.length % (320 << 10) !== 0 && Number(to) + 1 !== Number(size)) return problem(400, 'invalidRange', 'Pieces are multiples of 320 KiB.');
    upload.pieces.push(body);
    upload.size += body.length;
    if (upload.size < upload.item.size) return { status: 200, body: { nextExpectedRanges: [`${upload.size}-`] } };
    this.uploads.delete(token);
    upload.message.attachments.push({ id: token, ...upload.item, size: upload.size, bytes: Buffer.concat(upload.pieces) });
    return { status: 201, headers: { Location: `attachments/${token}` } };
  }
}
