// The same people and mail as the Microsoft 365 double's, in mailboxes of Exchange; and public folders, which belong to nobody.
import { randomUUID } from 'node:crypto';
import { loadOrganisation as load } from '../../m365/lib/organisation.mjs';
import { Mailbox } from './mailbox.mjs';

class PublicFolders extends Mailbox {
  constructor() {
    super({ bare: true });
    this.roots = { publicfoldersroot: { id: 'AAEuPublicRoot=', changeKey: 'AQAAAA==', name: 'All Public Folders', parent: null, root: 'publicfoldersroot', kind: 'IPF.Note', removed: [], count: 0 } };
    this.folders.set(this.roots.publicfoldersroot.id, this.roots.publicfoldersroot);
  }
  folder(path, options = {}) { return super.folder(path, { ...options, root: 'publicfoldersroot' }); }
}

export const serviceAccount = { username: 'DOUBLE\\kopial', upn: 'kopial@double.example', password: 'Service~Pa55word' };
export const mailboxPassword = 'Mailbox~Pa55word';

export function loadOrganisation(folder, synthetic) {
  const given = load(folder, synthetic);
  const users = given.users.map((user) => {
    const addresses = [user.mail, ...(user.proxyAddresses ?? []).map((one) => one.replace(/^smtp:/iu, ''))].filter((one, at, all) => one && all.indexOf(one) === at);
    const made = { id: user.id, userPrincipalName: user.userPrincipalName, displayName: user.displayName, mail: user.mail ?? user.userPrincipalName, addresses, mailbox: null };
    if (!user.mailbox) return made;
    made.mailbox = new Mailbox();
    for (const message of user.mailbox.messages.values()) {
      const path = user.mailbox.path(user.mailbox.folders.get(message.folder));
      made.mailbox.add(made.mailbox.folder(path), message.content, { received: message.received, modified: message.received, isRead: message.isRead, isDraft: message.isDraft });
    }
    return made;
  });
  const accounts = new Map();
  const service = { service: true, password: serviceAccount.password };
  for (const name of [serviceAccount.username, serviceAccount.upn, 'kopial']) accounts.set(name.toLowerCase(), service);
  for (const user of users) if (user.mailbox) for (const name of [user.userPrincipalName, user.mail]) accounts.set(name.toLowerCase(), { user, password: mailboxPassword });
  return {
    users, accounts,
    directoryId: given.directoryId, clientId: given.clientId, clientSecret: given.clientSecret,
    publicFolders: new PublicFolders(), publicFolderGuid: randomUUID(), publicFolderMailbox: 'publicfolders1@double.example',
    user(name) {
      const wanted = name.toLowerCase();
      return users.find((one) => one.id === wanted || one.userPrincipalName.toLowerCase() === wanted || one.addresses.some((address) => address.toLowerCase() === wanted));
    },
  };
}
