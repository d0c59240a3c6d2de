// The other side of the double: changing mailboxes while somebody reads them, ordering faults, and asking what was seen. Plain HTTP on loopback.
import { createServer } from 'node:http';

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function adminServer({ organisation, graph, identity, traffic }) {
  const routes = {
    'GET /mailboxes': () => organisation.users.filter((user) => user.mailbox).map((user) => ({ upn: user.userPrincipalName, id: user.id, messages: user.mailbox.truth() })),
    'GET /stats': () => traffic.stats,
    'POST /stats/reset': () => traffic.reset(),
    'POST /faults': ({ json }) => traffic.setFaults(json()),
    'DELETE /faults': () => traffic.setFaults([]),
    'POST /delay': ({ json }) => { traffic.delayMs = json().milliseconds; },
    'POST /tokens/expire': () => identity.expireAll(),
    'POST /sync-state/evict': () => graph.evictSyncStates(),
    'POST /users/state': ({ user, json }) => { Object.assign(user(), { denied: Boolean(json().denied) }); },
    'POST /directory/users': ({ json }) => graph.directory.putUser(json()),
    'DELETE /directory/users': ({ query }) => graph.directory.removeUser(query.get('id'), query.get('reason') ?? 'changed'),
    'POST /directory/groups': ({ json }) => graph.directory.putGroup(json()),
    'POST /directory/synthesize': ({ json }) => graph.directory.synthesize(json()),
    'POST /directory/evict': () => graph.directory.evict(),
    'POST /messages': ({ user, query, body }) => {
      const { mailbox } = user(), bytes = body;
      return { id: mailbox.add(mailbox.folder(query.get('folder') ?? 'Inbox'), () => bytes, { isRead: false }).id };
    },
    'POST /messages/move': ({ user, query }) => { const { mailbox } = user(); return { id: mailbox.move(query.get('id'), mailbox.folder(query.get('folder'))).id }; },
    'DELETE /messages': ({ user, query }) => user().mailbox.remove(query.get('id')),
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
