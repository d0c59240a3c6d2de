import { describe, expect, it } from 'vitest';
import { safeCss, safeHtml } from './safe-html';

const hostile: [string, string][] = [
  ['a script', '<script>alert(1)</script>'],
  ['a handler', '<p onclick="alert(1)" onmouseover=alert(1)>x</p>'],
  ['a remote image', '<img src="https://tracker.example/x.gif">'],
  ['a relative image', '<img src="//tracker.example/x.gif">'],
  ['a script address', '<a href="javascript:alert(1)">x</a>'],
  ['a form', '<form action="https://evil.example"><input name=a></form>'],
  ['a frame', '<iframe src="https://evil.example"></iframe>'],
  ['a style that loads', '<div style="background:url(https://tracker.example/x)">x</div>'],
  ['a hidden style that loads', '<div style="background:u\\72l(https://tracker.example/x)">x</div>'],
  ['an escape that ends its sheet', '<style>a{} \\3c /style><img src=https://tracker.example/x></style>'],
  ['a sheet that imports', '<style>@import "https://tracker.example/x.css";</style>'],
  ['an svg', '<svg onload="alert(1)"><image href="https://tracker.example/x"/></svg>'],
  ['a refresh', '<meta http-equiv="refresh" content="0;url=https://evil.example">'],
  ['a base', '<base href="https://evil.example/">'],
];

describe('safeHtml', () => {
  it.each(hostile)('takes out %s', (_, html) => {
    const body = safeHtml(`<body>${html}<p>kept</p></body>`).document.split('<body>')[1] ?? '';
    expect(body).toContain('kept');
    expect(body).not.toMatch(/script|onclick|onload|onmouseover|tracker\.example|src=|action=|iframe|<meta|<base|@import/iu);
  });
  it('keeps text, layout and images that are in the mail itself', () => {
    const { document, blocked } = safeHtml('<p style="color:red">x<img src="data:image/png;base64,AAAA"></p>');
    expect(document).toContain('data:image/png;base64,AAAA');
    expect(document).toContain('color:red');
    expect(blocked).toBe(0);
  });
  it('counts what it took out', () => {
    let blocked = 0;
    safeCss('a{background:url(https://x.example)} @import url(y);', () => blocked++);
    expect(blocked).toBe(2);
  });
});
