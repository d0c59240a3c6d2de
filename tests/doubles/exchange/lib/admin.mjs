// The other side of the double: changing mailboxes while somebody reads them, ordering faults, and asking what was seen. Plain HTTP on loopback.
import { createServer } from 'node:http';

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function adminServer({ organisation, ews, authentication, traffic, schema, state }) {
  const routes = {
    'GET /mailboxes': () => organisation.users.filter((user) => user.mailbox).map((user) => ({ upn: user.userPrincipalName, mail: user.mail, items: user.mailbox.truth() })),
    'GET /public-folders': () => organisation.publicFolders.truth(),
    'GET /stats': () => ({ ...traffic.stats, validating: schema.validating, violations: state.violations, versions: state.versions, anchors: state.anchors, auth: authentication.stats }),
    'POST /stats/reset': () => { traffic.reset(); Object.assign(state, { violations: [], versions: {}, anchors: {} }); },
    'POST /faults': ({ json }) => traffic.setFaults(json()),
    'DELETE /faults': () => traffic.setFaults([]),
    'POST /delay': ({ json }) => { traffic.delayMs = json().milliseconds; },
    'POST /sync-state/evict': () => { ews.epoch += 1; },
    'POST /migrate': ({ user }) => { ews.epoch += 1; user().mailbox.renumber(); },
    'POST /rewrite': ({ json }) => { ews.rewriting = Boolean(json().on); },
    'POST /auth': ({ json }) => {
      const given = json();
      if (given.schemes) authentication.schemes = given.schemes;
      if (given.extended_protection !== undefined) authentication.extendedProtection = given.extended_protection;
      for (const token of given.tokens ?? []) authentication.tokens.add(token);
    },
    'POST /tokens/expire': () => authentication.tokens.clear(),
    'POST /users/state': ({ user, json }) => { Object.assign(user(), json()); },
    'POST /archive-mailbox': ({ user }) => user().mailbox.enableArchive(),
    'POST /messages': ({ user, query, body }) => {
      const { mailbox } = user(), bytes = body, received = query.get('received');
      const folder = mailbox.folder(query.get('folder') ?? 'Inbox', { root: query.get('root') ?? 'msgfolderroot' });
      const item = mailbox.add(folder, () => bytes, { isRead: query.has('read'), ...(received ? { received: new Date(received) } : {}) });
      Object.assign(item, { hidden: query.has('hidden'), flagged: query.has('flagged') });  // Hidden: no synchronisation ever tells of it.
      return { id: item.id };
    },
    'GET /message': ({ user, query }) => {
      const { mailbox } = user(), { content, ...item } = mailbox.items.get(query.get('id'));
      return { ...item, folder: mailbox.path(mailbox.folders.get(item.folder)), mime: content().toString('latin1') };
    },
    'POST /messages/change': ({ user, query, json }) => { const { mailbox } = user(), given = json(); mailbox.change(mailbox.items.get(query.get('id')), { isRead: given.is_read, flagged: given.flagged, content: given.content === undefined ? undefined : Buffer.from(given.content) }); },
    'POST /messages/break': ({ user, query, json }) => { user().mailbox.items.get(query.get('id')).broken = json().code; },
    'POST /messages/move': ({ user, query }) => { const { mailbox } = user(); return { id: mailbox.move(query.get('id'), mailbox.folder(query.get('folder'))).id }; },
    'DELETE /messages': ({ user, query }) => { user().mailbox.remove(query.get('id')); },
    'POST /folders': ({ user, query }) => ({ id: user().mailbox.folder(query.get('path'), { kind: query.get('kind') ?? 'IPF.Note', search: query.has('search') }).id }),
    'POST /folders/move': ({ user, query }) => { const { mailbox } = user(); mailbox.moveFolder(mailbox.folder(query.get('path')), query.get('to')); },
    'DELETE /folders': ({ user, query }) => { const { mailbox } = user(); mailbox.removeFolder(mailbox.folder(query.get('path'))); },
    'POST /public-messages': ({ query, body }) => { const bytes = body, folders = organisation.publicFolders; return { id: folders.add(folders.folder(query.get('folder')), () => bytes).id }; },
    'DELETE /public-messages': ({ query }) => { organisation.publicFolders.remove(query.get('id')); },
  };
  return createServer(async (request, response) => {
    const url = new URL(request.url, 'http://double');
    const body = await read(request);
    const say = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value ?? {}));
    const route = routes[`${request.method} ${url.pathname}`];
    if (!route) return say(404, { error: `no ${request.method} ${url.pathname}` });
    const user = () => {
      const found = organisation.user(url.searchParams.get('upn') ?? '');
      if (!found?.mailbox) throw new Error(`no mailbox ${url.searchParams.get('upn')}`);
      return found;
    };
    try {
      return say(200, route({ query: url.searchParams, body, user, json: () => JSON.parse(body) }));
    } catch (error) {
      return say(400, { error: error.message });
    }
  });
}
