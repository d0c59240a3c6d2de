// The other side of the double: changing mailboxes while somebody reads them, ordering faults, and asking what was seen. Plain HTTP on loopback.
import { createServer } from 'node:http';

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function adminServer({ organisation, graph, identity, traffic }) {
  const routes = {
    'GET /mailboxes': () => organisation.users.filter((user) => user.mailbox && !user.removed).map((user) => ({ upn: user.userPrincipalName, id: user.id, messages: user.mailbox.truth(), archive: user.archive?.mailbox.truth() ?? null })),
    'GET /stats': () => traffic.stats,
    'POST /stats/reset': () => traffic.reset(),
    'POST /faults': ({ json }) => traffic.setFaults(json()),
    'DELETE /faults': () => traffic.setFaults([]),
    'POST /delay': ({ json }) => { traffic.delayMs = json().milliseconds; },
    'POST /tokens/expire': () => identity.expireAll(),
    'POST /sync-state/evict': () => graph.evictSyncStates(),
    'POST /directory/users': ({ json }) => graph.directory.putUser(json()),
    'DELETE /directory/users': ({ query }) => graph.directory.removeUser(query.get('id'), query.get('reason') ?? 'changed'),
    'POST /directory/groups': ({ json }) => graph.directory.putGroup(json()),
    'POST /directory/synthesize': ({ json }) => graph.directory.synthesize(json()),
    'POST /directory/evict': () => graph.directory.evict(),
    'POST /users/state': ({ user, json }) => { Object.assign(user(), Object.fromEntries(Object.entries(json()).map(([name, value]) => [name, Boolean(value)]))); },
    'POST /messages': ({ user, query, body }) => {
      const mailbox = query.has('archive') ? organisation.archiveOf(user()).mailbox : user().mailbox, bytes = body;
      const folder = mailbox.find(query.get('folder') ?? '') ?? mailbox.folder(query.get('folder') ?? 'Inbox');
      const received = query.has('received') ? new Date(query.get('received')) : new Date();
      return { id: mailbox.add(folder, () => bytes, { isRead: false, received, hidden: query.has('hidden'), flagged: query.has('flagged') }).id };
    },
    'POST /messages/state': ({ user, query, json }) => { Object.assign(user().mailbox.messages.get(query.get('id')), json()); },
    'PATCH /messages': ({ user, query, json }) => { const { mailbox } = user(); mailbox.change(mailbox.messages.get(query.get('id')), json()); },
    'GET /message': ({ user, query }) => {
      const { mailbox } = user(), { content, ...message } = mailbox.messages.get(query.get('id'));
      return { ...message, folder: mailbox.path(mailbox.folders.get(message.folder)), mime: content().toString('latin1') };
    },
    'POST /mailbox/migrate': ({ user, json }) => user().mailbox.migrate(Boolean(json().new_ids)),
    'POST /mime': ({ json }) => { graph.varyMime = Boolean(json().vary); },
    'POST /permissions': ({ json }) => { graph.granted = new Set(json()); },
    'POST /certificates': ({ body }) => identity.register(body.toString()),
    'DELETE /certificates': () => { identity.certificates = []; },
    'GET /assertions': () => identity.seen,
    'POST /sign-in': ({ json }) => { const { life, ...refusal } = json(); identity.life = life ?? identity.life; identity.refusal = refusal.code ? refusal : null; },
    'POST /secrets': ({ json }) => { graph.secrets = json(); },
    'POST /messages/move': ({ user, query }) => { const { mailbox } = user(); return { id: mailbox.move(query.get('id'), mailbox.folder(query.get('folder'))).id }; },
    'DELETE /messages': ({ user, query }) => user().mailbox.remove(query.get('id')),
    'POST /folders/state': ({ user, query, json }) => { const { mailbox } = user(); Object.assign(mailbox.folder(query.get('path')), json()); },
    'POST /folders': ({ user, query }) => ({ id: user().mailbox.folder(query.get('path'), { hidden: query.has('hidden'), search: query.has('search') }).id }),
    'POST /folders/move': ({ user, query }) => { const { mailbox } = user(); mailbox.moveFolder(mailbox.folder(query.get('path')), query.get('to')); },
    'DELETE /folders': ({ user, query }) => { const { mailbox } = user(); mailbox.removeFolder(mailbox.folder(query.get('path'))); },
  };
  return createServer(async (request, response) => {
    const url = new URL(request.url, 'http://double');
    const body = await read(request);
    const say = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value ?? {}));
    const route = routes[`${request.method} ${url.pathname}`];
    if (!route) return say(404, { error: `no ${request.method} ${url.pathname}` });
    const user = () => {
      const upn = url.searchParams.get('upn') ?? '';
      const found = organisation.users.find((one) => one.userPrincipalName === upn);
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
