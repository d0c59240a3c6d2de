// HTML mail made safe a second time, after the server did: the page of a frame that can neither run, load, submit nor navigate.
//
// Three walls, each enough alone: what DOMPurify leaves over, the policy inside the frame, and the frame's empty sandbox.
import DOMPurify, { type Config } from 'dompurify';

const config: Config = {
  FORBID_TAGS: ['form', 'input', 'button', 'select', 'textarea', 'option', 'iframe', 'frame', 'frameset', 'object', 'embed', 'link', 'meta', 'base',
    'svg', 'math', 'audio', 'video', 'source', 'track', 'template', 'dialog', 'portal'],
  FORBID_ATTR: ['srcset', 'action', 'formaction', 'ping', 'background', 'poster', 'autofocus', 'tabindex', 'accesskey', 'contenteditable'],
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^data:image\/(?:png|gif|jpe?g|webp|bmp|avif);base64,/iu,
  WHOLE_DOCUMENT: true,  // Keeps <style> of the head.
  RETURN_DOM: false,
};

export interface SafeHtml {
  document: string;
  blocked: number;  // loads and links to elsewhere that were taken out here
}

// `html` is hostile. The answer is a whole page for a frame's srcdoc.
export function safeHtml(html: string): SafeHtml {
  let blocked = 0;
  const purify = DOMPurify(window);
  purify.addHook('uponSanitizeAttribute', (node, data) => {
    if (data.attrName === 'href') {
      // A link shows where it leads and goes nowhere: the frame cannot leave, and mail is where bad links come from.
      if (/^(https?|mailto):/iu.test(data.attrValue.trim())) node.setAttribute('title', data.attrValue.trim());
      data.keepAttr = false;
    } else if (data.attrName === 'style') {
      data.attrValue = safeCss(data.attrValue, () => blocked++);
    } else if (data.attrName === 'src' && !config.ALLOWED_URI_REGEXP?.test(data.attrValue)) {
      blocked++;
      data.keepAttr = false;
    }
  });
  purify.addHook('uponSanitizeElement', (node, data) => {
    if (data.tagName === 'style') node.textContent = safeCss(node.textContent ?? '', () => blocked++);
  });
  const clean = purify.sanitize(html, config);
  const body = /<body[^>]*>([\s\S]*)<\/body>/iu.exec(clean)?.[1] ?? clean;
  const styles = [...(/<head[^>]*>([\s\S]*?)<\/head>/iu.exec(clean)?.[1] ?? '').matchAll(/<style[^>]*>[\s\S]*?<\/style>/giu)].map((match) => match[0]);
  return { document: page(styles.join('') + body), blocked };
}

// Takes out whatever could load: url() of anything but an image in the text itself, @import, and escapes that could hide them.
export function safeCss(css: string, onBlocked: () => void): string {
  // Only letters come back out of an escape: anything else, such as the end of a style element, stays away.
  const letter = (_: string, hex?: string) => {
    const text = hex ? String.fromCharCode(Number.parseInt(hex, 16)) : '';
    return /^[a-z0-9-]$/iu.test(text) ? text : '';
  };
  const plain = css.replace(/\/\*[\s\S]*?\*\//gu, ' ').replace(/\\([0-9a-f]{1,6})\s?|\\/giu, letter);
  return plain
    .replace(/@(import|font-face|namespace|charset)\b[^;{}]*(;|\{[^}]*\}|$)/giu, () => (onBlocked(), ''))
    .replace(/(?:url|image-set|image|src)\s*\(\s*(['"]?)(?!\s*data:image\/)[^)]*\)?/giu, () => (onBlocked(), 'none'))
    .replace(/expression\s*\(|behaviou?r\s*:|-moz-binding\s*:/giu, () => (onBlocked(), ''));
}

function page(content: string): string {
  return `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'"><meta name="referrer" content="no-referrer"><style>:root{color-scheme:light;background:#fff}body{margin:16px;font:14px/1.5 "Segoe UI",system-ui,sans-serif;color:#1b1b1b;overflow-wrap:anywhere}img{max-width:100%;height:auto}a{color:#1b5f73;text-decoration:underline}pre{white-space:pre-wrap}</style></head><body>${content}</body></html>`;
}
