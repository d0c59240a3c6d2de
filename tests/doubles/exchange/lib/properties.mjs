// Items and folders as XML: the properties that were asked for, in the order of the schema.
import { escape } from './xml.mjs';

const time = (date) => date.toISOString().replace(/\.\d+Z$/u, 'Z');
const headerOf = (bytes, name) => {
  const end = bytes.indexOf('\r\n\r\n'), head = bytes.subarray(0, end < 0 ? 65_536 : end).toString('utf8').replace(/\r\n[ \t]+/gu, ' ');
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'imu').exec(head)?.[1]?.trim() ?? '';
};
const addressOf = (text) => /<([^>]*)>/u.exec(text)?.[1] ?? text.trim();
const mailbox = (text) => `<t:Mailbox><t:Name>${escape(text.replace(/<.*>/u, '').replaceAll('"', '').trim() || addressOf(text))}</t:Name><t:EmailAddress>${escape(addressOf(text))}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox>`;
const recipients = (text) => text.split(',').filter((one) => one.trim()).map(mailbox).join('');

// What can be asked for, in the order of ItemType and MessageType. Each gives XML, or "" when the item has none.
const itemFields = [
  ['item:MimeContent', ({ bytes }) => `<t:MimeContent CharacterSet="UTF-8">${bytes().toString('base64')}</t:MimeContent>`],
  ['item:ItemId', ({ item }) => `<t:ItemId Id="${item.id}" ChangeKey="${item.changeKey}"/>`],
  ['item:ParentFolderId', ({ item }) => `<t:ParentFolderId Id="${item.folder}" ChangeKey="AQAAAA=="/>`],
  ['item:ItemClass', ({ item }) => `<t:ItemClass>${item.itemClass}</t:ItemClass>`],
  ['item:Subject', ({ bytes }) => `<t:Subject>${escape(headerOf(bytes(), 'Subject'))}</t:Subject>`],
  ['item:DateTimeReceived', ({ item }) => `<t:DateTimeReceived>${time(item.received)}</t:DateTimeReceived>`],
  ['item:Size', ({ item }) => `<t:Size>${item.size}</t:Size>`],
  ['item:IsDraft', ({ item }) => `<t:IsDraft>${item.isDraft}</t:IsDraft>`],
  ['item:DateTimeSent', ({ item }) => `<t:DateTimeSent>${time(item.received)}</t:DateTimeSent>`],
  ['item:DateTimeCreated', ({ item }) => `<t:DateTimeCreated>${time(item.received)}</t:DateTimeCreated>`],
  ['item:HasAttachments', () => '<t:HasAttachments>false</t:HasAttachments>'],
  ['extended', ({ item, extended, bytes }) => extended.map((one) => extendedProperty(item, one, bytes)).join('')],
  ['item:LastModifiedTime', ({ item }) => `<t:LastModifiedTime>${time(item.modified)}</t:LastModifiedTime>`],
  ['item:Flag', ({ item }) => `<t:Flag><t:FlagStatus>${item.flagged ? 'Flagged' : 'NotFlagged'}</t:FlagStatus></t:Flag>`],
  ['message:Sender', ({ bytes }) => wrapped('Sender', mailbox, headerOf(bytes(), 'From'))],
  ['message:ToRecipients', ({ bytes }) => wrapped('ToRecipients', recipients, headerOf(bytes(), 'To'))],
  ['message:From', ({ bytes }) => wrapped('From', mailbox, headerOf(bytes(), 'From'))],
  ['message:InternetMessageId', ({ bytes }) => `<t:InternetMessageId>${escape(headerOf(bytes(), 'Message-ID'))}</t:InternetMessageId>`],
  ['message:IsRead', ({ item }) => `<t:IsRead>${item.isRead}</t:IsRead>`],
];
const everything = itemFields.map(([name]) => name).filter((name) => !['item:MimeContent', 'extended'].includes(name));
const basic = ['item:ItemId', 'item:Subject', 'item:DateTimeReceived', 'item:Size', 'item:DateTimeSent', 'item:DateTimeCreated', 'item:HasAttachments', 'message:From', 'message:IsRead'];

function wrapped(name, make, text) { return text ? `<t:${name}>${make(text)}</t:${name}>` : ''; }

// MAPI properties that clients ask for by number.
function extendedProperty(item, { tag, name, type, xml }, bytes) {
  const values = { '0xe23': item.uid, '0xe08': item.size, '0xe07': item.isRead ? 1 : 0, '0x300b': Buffer.from(String(item.uid)).toString('base64'), '0xe06': time(item.received), '0x3008': time(item.modified) };
  const value = tag === '0x7d' ? headerBlock(bytes()) : tag === '0x10f4' ? 'false' : values[tag];
  if (value === undefined || (name !== undefined && tag === undefined)) return '';
  return `<t:ExtendedProperty>${xml}<t:Value>${escape(value)}</t:Value></t:ExtendedProperty>`;
}
const headerBlock = (bytes) => bytes.subarray(0, Math.max(0, bytes.indexOf('\r\n\r\n'))).toString('latin1');

const hexTag = (text) => (text === undefined ? undefined : `0x${Number(text).toString(16)}`);
const extendedOf = (properties) => properties.filter((one) => one.name === 'ExtendedFieldURI').map(({ attributes }) => {
  const tag = hexTag(attributes.PropertyTag);
  const written = Object.entries({ ...attributes, ...(tag ? { PropertyTag: tag } : {}) }).map(([key, value]) => ` ${key}="${escape(value)}"`).join('');
  return { tag, name: attributes.PropertyName ?? attributes.PropertyId, type: attributes.PropertyType, xml: `<t:ExtendedFieldURI${written}/>` };
});

export function itemXml(item, shape, content = item.content) {
  const base = shape?.child('BaseShape')?.text ?? 'AllProperties';
  const additional = shape?.child('AdditionalProperties')?.children ?? [];
  const wanted = new Set(['item:ItemId', ...(base === 'AllProperties' ? everything : base === 'Default' ? basic : []), ...additional.map((one) => one.attributes.FieldURI).filter(Boolean)]);
  if (shape?.child('IncludeMimeContent')?.text === 'true') wanted.add('item:MimeContent');
  const extended = extendedOf(additional);
  if (extended.length) wanted.add('extended');
  let made = null;
  const context = { item, extended, bytes: () => (made ??= content()) };
  return `<t:Message>${itemFields.filter(([name]) => wanted.has(name)).map(([, give]) => give(context)).join('')}</t:Message>`;
}

export function folderXml(folder, mailbox, shape, { replica } = {}) {
  const additional = shape?.child('AdditionalProperties')?.children ?? [];
  const wanted = new Set(additional.map((one) => one.attributes.FieldURI).filter(Boolean));
  const all = (shape?.child('BaseShape')?.text ?? 'Default') !== 'IdOnly';
  const has = (name) => all || wanted.has(name);
  const element = folder.search ? 'SearchFolder' : folder.kind === 'IPF.Appointment' ? 'CalendarFolder' : folder.kind === 'IPF.Contact' ? 'ContactsFolder' : 'Folder';
  const unread = mailbox.in(folder).filter((one) => !one.isRead).length;
  const values = { '0x10f4': 'false', '0xe08': '0', '0x3613': folder.kind, '0x6752': '00', '0x6698': replica ? Buffer.from(`${replica}\0`).toString('base64') : undefined };
  const extended = extendedOf(additional).filter((one) => values[one.tag] !== undefined).map((one) => `<t:ExtendedProperty>${one.xml}<t:Value>${escape(values[one.tag])}</t:Value></t:ExtendedProperty>`).join('');
  return `<t:${element}><t:FolderId Id="${folder.id}" ChangeKey="${folder.changeKey}"/>${has('folder:ParentFolderId') && folder.parent ? `<t:ParentFolderId Id="${folder.parent}" ChangeKey="AQAAAA=="/>` : ''}` +
    `${has('folder:FolderClass') ? `<t:FolderClass>${folder.kind}</t:FolderClass>` : ''}${has('folder:DisplayName') ? `<t:DisplayName>${escape(folder.name)}</t:DisplayName>` : ''}` +
    `${has('folder:TotalCount') ? `<t:TotalCount>${folder.count}</t:TotalCount>` : ''}${has('folder:ChildFolderCount') ? `<t:ChildFolderCount>${mailbox.children(folder.id).length}</t:ChildFolderCount>` : ''}${extended}` +
    `${has('folder:UnreadCount') && element === 'Folder' ? `<t:UnreadCount>${unread}</t:UnreadCount>` : ''}</t:${element}>`;
}
