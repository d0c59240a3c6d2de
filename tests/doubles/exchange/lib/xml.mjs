// Requests as plain trees, and Microsoft's schema that each must satisfy. Parsed and validated by libxml2.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readFileSync } from 'node:fs';
import { ParseOption, XmlDocument, XsdValidator } from 'libxml2-wasm';
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs';

export const namespaces = {
  soap: 'http://schemas.xmlsoap.org/soap/envelope/',
  m: 'http://schemas.microsoft.com/exchange/services/2006/messages',
  t: 'http://schemas.microsoft.com/exchange/services/2006/types',
  e: 'http://schemas.microsoft.com/exchange/services/2006/errors',
};

export const escape = (text) => String(text).replace(/[&<>"\u0000-\u0008\u000b\u000c\u000e-\u001f]/gu, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? `&#x${c.charCodeAt(0).toString(16).toUpperCase()};`);

class Element {
  constructor(name, attributes, text) { Object.assign(this, { name, attributes, text, children: [] }); }
  child(name) { return this.children.find((one) => one.name === name); }
  at(...names) { return names.reduce((node, name) => node?.child(name), this); }
  all(name) { return this.children.filter((one) => one.name === name); }
  has(name) { return this.name === name || this.children.some((one) => one.has(name)); }
}

function tree(node) {
  const element = new Element(node.name, Object.fromEntries(node.attrs.map((one) => [one.name, one.value])), '');
  for (let child = node.firstChild; child; child = child.next) {
    if (child.constructor.name === 'XmlElement') element.children.push(tree(child));
  }
  if (element.children.length === 0) element.text = node.content;
  return element;
}

// Parses an envelope; {header, body, violation}. `violation` is the first thing the schema does not like about the body's child.
export class Requests {
  constructor(folder) {
    this.validating = Boolean(folder) && existsSync(join(folder, 'messages.xsd'));
    if (!this.validating) return;
    xmlRegisterFsInputProviders();
    const path = join(folder, 'messages.xsd');
    const schema = XmlDocument.fromBuffer(readFileSync(path), { url: pathToFileURL(path).href });
    this.validator = XsdValidator.fromDoc(schema);
    schema.dispose();
  }

  #check(element) {
    if (!this.validating) return null;
    const alone = XmlDocument.fromString(element.canonicalizeToString());
    try {
      this.validator.validate(alone);
      return null;
    } catch (error) {
      return error.details?.[0]?.message?.trim() ?? error.message;
    } finally {
      alone.dispose();
    }
  }

  read(bytes) {
    const document = XmlDocument.fromBuffer(bytes, { option: ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_NOBLANKS | ParseOption.XML_PARSE_HUGE });
    try {
      const body = document.get('/s:Envelope/s:Body/*', { s: namespaces.soap });
      const header = document.get('/s:Envelope/s:Header', { s: namespaces.soap });
      if (!body) throw new Error('no soap:Body');
      return { header: header ? tree(header) : new Element('Header', {}, ''), body: tree(body), violation: this.#check(body) };
    } finally {
      document.dispose();
    }
  }

  // Whether one of our own answers is what the schema says; for the double's tests.
  violationOf(xml) { return this.read(Buffer.from(xml)).violation; }
}
