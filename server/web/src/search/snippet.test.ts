import { expect, it } from 'vitest';
import { snippetParts } from './snippet';

it('makes plain text of a snippet, whatever stood in the mail', () => {
  expect(snippetParts('a <mark>&lt;script&gt;</mark> &amp;amp;')).toEqual([
    { text: 'a ', marked: false },
    { text: '<script>', marked: true },
    { text: ' &amp;', marked: false },
  ]);
});
