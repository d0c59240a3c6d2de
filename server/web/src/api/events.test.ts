import { expect, it } from 'vitest';
import { EventParser } from './events';

it('cuts a stream into events, whatever pieces it comes in', () => {
  const text = 'event: run\ndata: {"a":1}\n\n: still here\n\ndata: x\r\ndata: y\r\n\r\n';
  const expected = [{ event: 'run', data: '{"a":1}', id: '' }, { event: 'message', data: 'x\ny', id: '' }];
  for (const size of [1, 2, 7, text.length]) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.feed(text.slice(at, at + size)));
    expect(found).toEqual(expected);
  }
});
