// Messages that a client writes: from JSON, or from MIME as a draft; and the MIME that Exchange makes of them.
export const property = (json, id) => (json?.singleValueExtendedProperties ?? []).find((one) => one.id.toLowerCase() === id.toLowerCase())?.value;

// A message is a draft unless its flags (PidTagMessageFlags) were given at its creation and lack "unsent".
export function created(mailbox, folder, body) {
  if (body?.mime) return mailbox.add(folder, () => body.mime, { isDraft: true, received: new Date() });
  const flags = Number(property(body, 'Integer 0x0E07') ?? 8), received = property(body, 'SystemTime 0x0E06');
  return mailbox.add(folder, () => Buffer.alloc(0), { json: body, isDraft: (flags & 8) !== 0, isRead: body.isRead ?? (flags & 1) !== 0, received: received ? new Date(received) : new Date() });
}

const address = ({ emailAddress: { name, address: at } = {} }) => (name ? `"${name}" <${at}>` : `<${at}>`);

export function rendered({ json, attachments = [] }) {
  const list = (name, values) => (values?.length ? `${name}: ${values.map(address).join(', ')}\r\n` : '');
  const head = `${json.from ? `From: ${address(json.from)}\r\n` : ''}${list('To', json.toRecipients)}${list('Cc', json.ccRecipients)}Subject: ${json.subject ?? ''}\r\n` +
    `${json.internetMessageId ? `Message-ID: ${json.internetMessageId}\r\n` : ''}MIME-Version: 1.0\r\n`;
  const type = json.body?.contentType?.toLowerCase() === 'html' ? 'text/html' : 'text/plain';
  const text = `Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(json.body?.content ?? '').toString('base64').replace(/.{76}/gu, '$&\r\n')}\r\n`;
  if (!attachments.length) return Buffer.from(head + text);
  const parts = attachments.map((one) => `--=_x\r\nContent-Type: ${one.contentType ?? 'application/octet-stream'}; name="${one.name}"\r\nContent-Disposition: attachment; filename="${one.name}"\r\n` +
    `Content-Transfer-Encoding: base64\r\n\r\n${one.bytes.toString('base64').replace(/.{76}/gu, '$&\r\n')}\r\n`);
  return Buffer.from(`${head}Content-Type: multipart/mixed; boundary="=_x"\r\n\r\n--=_x\r\n${text}${parts.join('')}--=_x--\r\n`);
}
