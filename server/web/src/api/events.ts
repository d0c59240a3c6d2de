// Server-sent events read by fetch, so that they carry the header and end with a Problem like any other request.

export interface ServerEvent {
  event: string;
  data: string;
  id: string;
}

// Cuts a stream of text into events, whatever pieces it comes in.
export class EventParser {
  private rest = '';

  feed(text: string): ServerEvent[] {
    this.rest += text;
    const out: ServerEvent[] = [];
    for (;;) {
      const gap = /\r\n\r\n|\n\n|\r\r/u.exec(this.rest);
      if (!gap) return out;
      const event = parse(this.rest.slice(0, gap.index));
      this.rest = this.rest.slice(gap.index + gap[0].length);
      if (event) out.push(event);
    }
  }
}

function parse(block: string): ServerEvent | null {
  const event: ServerEvent = { event: 'message', data: '', id: '' };
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/u)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/su.exec(line) ?? [];
    if (name === 'data') data.push(value ?? '');
    else if (name === 'event') event.event = value ?? '';
    else if (name === 'id') event.id = value ?? '';
  }
  event.data = data.join('\n');
  return data.length > 0 ? event : null;
}

export async function readEvents(response: Response, onEvent: (event: ServerEvent) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new EventParser();
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.feed(value)) onEvent(event);
  }
}
