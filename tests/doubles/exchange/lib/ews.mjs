// The operations of Exchange Web Services that reading, restoring and tidying mail need. Each gives the XML of its response.
import { folderXml, itemXml } from './properties.mjs';
import { escape } from './xml.mjs';

export class Fault extends Error {
  constructor(code, message, values = {}) {
    super(message);
    Object.assign(this, { code, values });
  }
}

// What is wrong with one of the things asked for.
class Refusal extends Error {
  constructor(code, text, values = {}) {
    super(text ?? code);
    Object.assign(this, { code, values });
  }
}

export const messageXml = (values) => (Object.keys(values).length === 0 ? '' : `<m:MessageXml>${Object.entries(values).map(([name, value]) => `<t:Value Name="${name}">${value}</t:Value>`).join('')}</m:MessageXml>`);
const refused = (operation, { code, message, values }, rest = '') => `<m:${operation}ResponseMessage ResponseClass="Error"><m:MessageText>${escape(message)}</m:MessageText><m:ResponseCode>${code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>${messageXml(values)}${rest}</m:${operation}ResponseMessage>`;
const done = (operation, rest = '') => `<m:${operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${rest}</m:${operation}ResponseMessage>`;

const encode = (state) => Buffer.from(JSON.stringify(state)).toString('base64');
function decode(text) {
  try {
    return JSON.parse(Buffer.from(text, 'base64'));
  } catch {
    return null;
  }
}

const folderNotFound = () => new Refusal('ErrorFolderNotFound', 'The specified folder could not be found in the store.');
const itemNotFound = () => new Refusal('ErrorItemNotFound', 'The specified object was not found in the store.');
const stateLost = () => new Refusal('ErrorInvalidSyncStateData', 'Synchronization state data is corrupt or otherwise invalid.');

const propertyName = ({ attributes }) => `${attributes.PropertySetId} ${attributes.PropertyName}`;

export class Ews {
  constructor(organisation) {
    this.organisation = organisation;
    this.epoch = 0;  // Of sync states: an older one is not known any more.
    this.rewrites = 0;
    this.rewriting = false;
  }

  // `user` is whose mailbox is meant unless an id says otherwise; null when the account has none.
  answer({ operation, body, user, itemFault }) {
    const handler = this[operation];
    if (!handlers.has(operation) || !handler) throw new Fault('ErrorInvalidRequest', `The request ${operation} is not known here.`);
    const inner = handler.call(this, { body, user, itemFault });
    if (operation === 'GetSearchableMailboxes') return `<m:GetSearchableMailboxesResponse ResponseClass="Success">${inner}</m:GetSearchableMailboxesResponse>`;
    return `<m:${operation}Response>${inner}</m:${operation}Response>`;
  }

  #each(operation, things, give, rest = '') {
    const messages = things.map((thing) => {
      try {
        return give(thing);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return refused(operation, error, rest);
      }
    });
    return `<m:ResponseMessages>${messages.join('')}</m:ResponseMessages>`;
  }

  // {mailbox, folder} that a FolderId or DistinguishedFolderId means.
  #folder(ref, user) {
    if (ref.name === 'FolderId') {
      for (const mailbox of [user?.mailbox, this.organisation.publicFolders]) {
        const folder = mailbox?.folders.get(ref.attributes.Id);
        if (folder) return { mailbox, folder };
      }
      throw folderNotFound();
    }
    const named = ref.at('Mailbox', 'EmailAddress')?.text;
    const owner = named ? this.organisation.user(named) : user;
    if (ref.attributes.Id === 'publicfoldersroot') return { mailbox: this.organisation.publicFolders, folder: this.organisation.publicFolders.roots.publicfoldersroot };
    if (!owner?.mailbox) throw named ? new Refusal('ErrorNonExistentMailbox', 'The SMTP address has no mailbox associated with it.') : new Refusal('ErrorMissingEmailAddress', 'When making a request as an account that does not have a mailbox, you must specify the mailbox primary SMTP address for any distinguished folder Ids.');
    if (ref.attributes.Id.startsWith('archive') && !owner.mailbox.roots.archivemsgfolderroot) throw new Refusal('ErrorArchiveMailboxNotEnabled', 'The user does not have an archive mailbox.');
    const folder = owner.mailbox.named(ref.attributes.Id);
    if (!folder) throw folderNotFound();
    return { mailbox: owner.mailbox, folder };
  }

  #item(ref, user) {
    for (const mailbox of [user?.mailbox, this.organisation.publicFolders]) {
      const item = mailbox?.items.get(ref.attributes.Id);
      if (item) return { mailbox, item };
    }
    throw itemNotFound();
  }

  GetFolder({ body, user }) {
    const shape = body.child('FolderShape');
    return this.#each('GetFolder', body.child('FolderIds').children, (ref) => {
      const { mailbox, folder } = this.#folder(ref, user);
      return done('GetFolder', `<m:Folders>${folderXml(folder, mailbox, shape)}</m:Folders>`);
    }, '<m:Folders/>');
  }

  FindFolder({ body, user }) {
    const view = body.child('IndexedPageFolderView')?.attributes ?? {}, offset = Number(view.Offset ?? 0), limit = Math.min(Number(view.MaxEntriesReturned ?? 1000), 1000);
    return this.#each('FindFolder', body.child('ParentFolderIds').children, (ref) => {
      const { mailbox, folder } = this.#folder(ref, user);
      const deep = body.attributes.Traversal === 'Deep';
      if (deep && mailbox === this.organisation.publicFolders) throw new Refusal('ErrorInvalidOperation', 'Deep traversal is not supported on public folders.');
      const all = deep ? mailbox.below(folder) : mailbox.children(folder.id), page = all.slice(offset, offset + limit), last = offset + limit >= all.length;
      const folders = page.map((one) => folderXml(one, mailbox, body.child('FolderShape'), { replica: mailbox === this.organisation.publicFolders ? this.organisation.publicFolderGuid : undefined }));
      return done('FindFolder', `<m:RootFolder IndexedPagingOffset="${offset + page.length}" TotalItemsInView="${all.length}" IncludesLastItemInRange="${last}"><t:Folders>${folders.join('')}</t:Folders></m:RootFolder>`);
    });
  }

  SyncFolderHierarchy({ body, user }) {
    return this.#each('SyncFolderHierarchy', [body], () => {
      const { mailbox, folder } = this.#folder(body.child('SyncFolderId').children[0], user);
      const text = body.child('SyncState')?.text ?? '', state = text ? decode(text) : null;
      if (text && (!state || state.epoch !== this.epoch || state.of !== folder.id)) throw stateLost();
      const { changes, next } = mailbox.syncHierarchy(folder, state?.since ?? 0);
      const written = changes.map((one) => (one.kind === 'Delete' ? (state ? `<t:Delete><t:FolderId Id="${one.id}" ChangeKey="AQAAAA=="/></t:Delete>` : '') : `<t:${state ? one.kind : 'Create'}>${folderXml(one.folder, mailbox, body.child('FolderShape'))}</t:${state ? one.kind : 'Create'}>`));
      return done('SyncFolderHierarchy', `<m:SyncState>${encode({ of: folder.id, since: next, epoch: this.epoch })}</m:SyncState><m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange><m:Changes>${written.join('')}</m:Changes>`);
    }, '<m:SyncState/><m:IncludesLastFolderInRange>true</m:IncludesLastFolderInRange>');
  }

  SyncFolderItems({ body, user }) {
    return this.#each('SyncFolderItems', [body], () => {
      const { mailbox, folder } = this.#folder(body.child('SyncFolderId').children[0], user);
      if (mailbox === this.organisation.publicFolders || folder.search) throw new Refusal('ErrorInvalidOperation', 'Synchronization is not supported for this folder.');
      const text = body.child('SyncState')?.text ?? '', state = text ? decode(text) : null;
      if (text && (!state || state.epoch !== this.epoch || state.of !== folder.id)) throw stateLost();
      const limit = Math.min(Number(body.child('MaxChangesReturned').text), 512);
      const { changes, next, more } = mailbox.sync(folder, state, limit), shape = body.child('ItemShape');
      const written = changes.map(({ kind, item, id }) => {
        if (kind === 'Delete') return `<t:Delete><t:ItemId Id="${id}" ChangeKey="AQAAAA=="/></t:Delete>`;
        if (kind === 'ReadFlagChange') return `<t:ReadFlagChange><t:ItemId Id="${item.id}" ChangeKey="${item.changeKey}"/><t:IsRead>${item.isRead}</t:IsRead></t:ReadFlagChange>`;
        return `<t:${kind}>${itemXml(item, shape)}</t:${kind}>`;
      });
      return done('SyncFolderItems', `<m:SyncState>${encode({ of: folder.id, epoch: this.epoch, ...next })}</m:SyncState><m:IncludesLastItemInRange>${!more}</m:IncludesLastItemInRange><m:Changes>${written.join('')}</m:Changes>`);
    }, '<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>');
  }

  // MIME is made anew at each download: with `rewriting`, no two downloads are alike.
  #content(item) {
    const bytes = item.content();
    if (!this.rewriting) return bytes;
    return Buffer.concat([Buffer.from(`X-Made-Anew: ${++this.rewrites}\r\n`), bytes]);
  }

  GetItem({ body, user, itemFault }) {
    const shape = body.child('ItemShape'), wantsMime = shape?.child('IncludeMimeContent')?.text === 'true' || shape?.child('AdditionalProperties')?.children.some((one) => one.attributes.FieldURI === 'item:MimeContent');
    let stopped = false;
    return this.#each('GetItem', body.child('ItemIds').children, (ref) => {
      if (stopped) return `<m:GetItemResponseMessage ResponseClass="Warning"><m:MessageText>Processing of the batch stopped.</m:MessageText><m:ResponseCode>ErrorBatchProcessingStopped</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:Items/></m:GetItemResponseMessage>`;
      const fault = wantsMime ? itemFault?.() : null;
      if (fault) {
        stopped = Boolean(fault.stops);
        throw new Refusal(fault.code, 'As ordered.', fault.back_off ? { BackOffMilliseconds: fault.back_off } : {});
      }
      const { item } = this.#item(ref, user);
      if (wantsMime && item.broken) throw new Refusal(item.broken, 'Content conversion failed.');
      return done('GetItem', `<m:Items>${itemXml(item, shape, () => this.#content(item))}</m:Items>`);
    }, '<m:Items/>');
  }

  FindItem({ body, user }) {
    const view = body.child('IndexedPageItemView')?.attributes ?? {}, offset = Number(view.Offset ?? 0), limit = Math.min(Number(view.MaxEntriesReturned ?? 1000), 1000);
    const since = body.at('Restriction', 'IsGreaterThanOrEqualTo', 'FieldURIOrConstant', 'Constant')?.attributes.Value;
    const order = body.at('SortOrder', 'FieldOrder'), marked = body.at('Restriction', 'IsEqualTo')?.child('ExtendedFieldURI');
    return this.#each('FindItem', body.child('ParentFolderIds').children, (ref) => {
      const { mailbox, folder } = this.#folder(ref, user);
      let all = mailbox.in(folder);
      if (marked) all = all.filter((one) => one.properties?.[propertyName(marked)] === body.at('Restriction', 'IsEqualTo', 'FieldURIOrConstant', 'Constant')?.attributes.Value);
      if (since) all = all.filter((one) => Math.floor(one.modified / 1000) >= Math.floor(Date.parse(since) / 1000));
      const field = order?.child('FieldURI')?.attributes.FieldURI === 'item:LastModifiedTime' ? 'modified' : order?.child('ExtendedFieldURI') ? 'uid' : 'received';
      all.sort((a, b) => (a[field] - b[field]) || (a.uid - b.uid));
      if (order?.attributes.Order !== 'Ascending') all.reverse();
      const page = all.slice(offset, offset + limit);
      return done('FindItem', `<m:RootFolder IndexedPagingOffset="${offset + page.length}" TotalItemsInView="${all.length}" IncludesLastItemInRange="${offset + limit >= all.length}"><t:Items>${page.map((one) => itemXml(one, body.child('ItemShape'))).join('')}</t:Items></m:RootFolder>`);
    });
  }

  CreateFolder({ body, user }) {
    return this.#each('CreateFolder', body.child('Folders').children, (wanted) => {
      const { mailbox, folder } = this.#folder(body.child('ParentFolderId').children[0], user), name = wanted.child('DisplayName').text;
      if (mailbox.children(folder.id).some((one) => one.name.toLowerCase() === name.toLowerCase())) throw new Refusal('ErrorFolderExists', 'A folder with the specified name already exists.');
      const made = mailbox.create(folder, name);
      return done('CreateFolder', `<m:Folders><t:Folder><t:FolderId Id="${made.id}" ChangeKey="${made.changeKey}"/></t:Folder></m:Folders>`);
    }, '<m:Folders/>');
  }

  CreateItem({ body, user }) {
    const target = body.at('SavedItemFolderId')?.children[0];
    return this.#each('CreateItem', body.child('Items').children, (wanted) => {
      const { mailbox, folder } = target ? this.#folder(target, user) : { mailbox: user.mailbox, folder: user.mailbox.named('drafts') };
      const mime = wanted.child('MimeContent')?.text;
      if (mime === undefined) throw new Refusal('ErrorInvalidRequest', 'Only items with MIME content are taken here.');
      const content = Buffer.from(mime, 'base64');
      const property = (tag) => wanted.all('ExtendedProperty').find((one) => Number(one.child('ExtendedFieldURI').attributes.PropertyTag) === tag)?.child('Value')?.text;
      const received = property(0x0e06);
      const made = mailbox.add(folder, () => content, { received: received ? new Date(received) : new Date(), isRead: wanted.child('IsRead')?.text === 'true', isDraft: (Number(property(0x0e07) ?? 8) & 8) !== 0 });
      const named = wanted.all('ExtendedProperty').filter((one) => one.child('ExtendedFieldURI').attributes.PropertyName);
      made.properties = Object.fromEntries(named.map((one) => [propertyName(one.child('ExtendedFieldURI')), one.child('Value')?.text]));
      return done('CreateItem', `<m:Items><t:Message><t:ItemId Id="${made.id}" ChangeKey="${made.changeKey}"/></t:Message></m:Items>`);
    }, '<m:Items/>');
  }

  DeleteItem({ body, user }) {
    return this.#each('DeleteItem', body.child('ItemIds').children, (ref) => {
      const { mailbox, item } = this.#item(ref, user);
      const kind = body.attributes.DeleteType;
      if (kind === 'HardDelete') mailbox.remove(item.id);
      else if (kind === 'MoveToDeletedItems') mailbox.move(item.id, mailbox.named('deleteditems'));
      else mailbox.softDelete(item.id);
      return done('DeleteItem');
    });
  }

  MoveItem({ body, user }) {
    const { folder } = this.#folder(body.child('ToFolderId').children[0], user);
    return this.#each('MoveItem', body.child('ItemIds').children, (ref) => {
      const { mailbox, item } = this.#item(ref, user);
      const moved = mailbox.move(item.id, folder);
      return done('MoveItem', `<m:Items><t:Message><t:ItemId Id="${moved.id}" ChangeKey="${moved.changeKey}"/></t:Message></m:Items>`);
    }, '<m:Items/>');
  }

  // Clients try their sign-in with it, and read the mailbox's address from the answer.
  ConvertId({ body, user }) {
    const format = body.attributes.DestinationFormat;
    return this.#each('ConvertId', body.child('SourceIds').children, (id) =>
      done('ConvertId', `<m:AlternateId xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="t:AlternateIdType" Format="${format}" Id="${escape(id.attributes.Id)}" Mailbox="${escape(user?.mail ?? id.attributes.Mailbox)}"/>`));
  }

  ResolveNames({ body }) {
    const wanted = body.child('UnresolvedEntry').text.replace(/^smtp:/iu, '');
    return this.#each('ResolveNames', [wanted], () => {
      const user = this.organisation.user(wanted);
      if (!user?.mailbox) throw new Refusal('ErrorNameResolutionNoResults', 'No results were found.');
      const addresses = user.addresses.map((address, index) => `<t:Entry Key="EmailAddress${index + 1}">${index === 0 ? 'SMTP' : 'smtp'}:${escape(address)}</t:Entry>`).slice(0, 3);
      return done('ResolveNames', `<m:ResolutionSet TotalItemsInView="1" IncludesLastItemInRange="true"><t:Resolution><t:Mailbox><t:Name>${escape(user.displayName)}</t:Name><t:EmailAddress>${escape(user.mail)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType><t:MailboxType>Mailbox</t:MailboxType></t:Mailbox>` +
        `<t:Contact><t:DisplayName>${escape(user.displayName)}</t:DisplayName><t:EmailAddresses>${addresses.join('')}</t:EmailAddresses></t:Contact></t:Resolution></m:ResolutionSet>`);
    });
  }

  GetSearchableMailboxes() {
    const all = this.organisation.users.filter((one) => one.mailbox).map((user) => `<t:SearchableMailbox><t:Guid>${user.id}</t:Guid><t:PrimarySmtpAddress>${escape(user.mail)}</t:PrimarySmtpAddress><t:IsExternalMailbox>false</t:IsExternalMailbox>` +
      `<t:ExternalEmailAddress/><t:DisplayName>${escape(user.displayName)}</t:DisplayName><t:IsMembershipGroup>false</t:IsMembershipGroup><t:ReferenceId>/o=Double/cn=${escape(user.id)}</t:ReferenceId></t:SearchableMailbox>`);
    return `<m:ResponseCode>NoError</m:ResponseCode><m:SearchableMailboxes>${all.join('')}</m:SearchableMailboxes>`;
  }
}

const handlers = new Set(['GetFolder', 'FindFolder', 'SyncFolderHierarchy', 'SyncFolderItems', 'GetItem', 'FindItem', 'CreateFolder', 'CreateItem', 'DeleteItem', 'MoveItem', 'ConvertId', 'ResolveNames', 'GetSearchableMailboxes']);
