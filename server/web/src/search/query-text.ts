// The filters are a view of the query's text: each reads its value out of it and writes it back, so that what is asked is always
// what is seen. Only plain terms at the top level count; one inside parentheses, negated or beside OR is the person's own.

export type FilterName = 'after' | 'before' | 'archive' | 'folder' | 'attachment';
export type Filters = Partial<Record<FilterName, string>>;

interface Token {
  text: string;
  start: number;
  end: number;
}

// The top level in pieces: a group in parentheses is one token, as is field:"some words". Never fails: what is not balanced runs to the end.
export function tokens(query: string): Token[] {
  const out: Token[] = [];
  let start = -1;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at <= query.length; at++) {
    const c = query[at];
    const ends = c === undefined || (depth === 0 && !quoted && /\s/u.test(c));
    if (ends) {
      if (start >= 0) out.push({ text: query.slice(start, at), start, end: at });
      start = -1;
      continue;
    }
    if (start < 0) start = at;
    if (c === '"') quoted = !quoted;
    else if (!quoted && c === '(') depth++;
    else if (!quoted && c === ')') depth = Math.max(0, depth - 1);
  }
  return out;
}

const joins = (token: Token | undefined) => token !== undefined && /^(OR|NEAR(\/\d+)?)$/u.test(token.text);

function filterOf(all: Token[], index: number): [FilterName, string] | null {
  const match = /^(after|before|archive|folder|has):(.+)$/isu.exec(all[index]?.text ?? '');
  if (!match || all[index - 1]?.text === 'NOT' || joins(all[index - 1]) || joins(all[index + 1])) return null;
  const value = unquote(match[2] ?? '');
  const field = (match[1] ?? '').toLowerCase();
  if (field !== 'has') return value === null ? null : [field as FilterName, value];
  return value?.toLowerCase() === 'attachment' ? ['attachment', 'yes'] : null;
}

function unquote(value: string): string | null {
  if (!value.includes('"')) return /[()]/u.test(value) ? null : value;
  return /^"[^"]*"$/u.test(value) ? value.slice(1, -1) : null;
}

function quote(value: string): string {
  const clean = value.replaceAll('"', ' ').trim();
  return /^[\p{L}\p{N}@._+/-]+$/u.test(clean) ? clean : `"${clean}"`;
}

// A filter that is written twice is not one filter: the two are left to the person.
export function readFilters(query: string): Filters {
  const all = tokens(query);
  const found: Filters = {};
  const twice = new Set<FilterName>();
  all.forEach((_, index) => {
    const filter = filterOf(all, index);
    if (!filter) return;
    if (filter[0] in found) twice.add(filter[0]);
    found[filter[0]] = filter[1];
  });
  for (const name of twice) delete found[name];
  return found;
}

// The query with this filter set, or without it when `value` is empty. Whatever else the person wrote stays as it is.
export function writeFilter(query: string, name: FilterName, value: string): string {
  const all = tokens(query);
  const kept = all.filter((_, index) => filterOf(all, index)?.[0] !== name);
  const rest = kept.map((token) => token.text).join(' ');
  if (value === '') return rest;
  const term = name === 'attachment' ? 'has:attachment' : `${name}:${quote(value)}`;
  if (rest === '') return term;
  return `${kept.some(joins) ? `(${rest})` : rest} ${term}`;
}

// Puts an example of the help at the end of what is there.
export function appendTerm(query: string, term: string): string {
  return query.trim() === '' ? term : `${query.trimEnd()} ${term}`;
}

// "column 7: expected …" of a query that does not parse: where, and what. Columns count characters from 1.
export function queryFault(detail: string): { column: number; text: string } | null {
  const match = /column (\d+):\s*(.*)$/su.exec(detail);
  return match ? { column: Number(match[1]), text: match[2] ?? '' } : null;
}

// The query cut where it went wrong: before, the piece to underline (at least one character), after.
export function cutAtFault(query: string, column: number): [string, string, string] {
  const characters = [...query];
  const start = Math.min(Math.max(column - 1, 0), characters.length);
  const length = Math.max(1, characters.slice(start).findIndex((c) => /\s/u.test(c)));
  const hasEnd = characters.slice(start).some((c) => /\s/u.test(c));
  const end = hasEnd ? start + length : characters.length;
  return [characters.slice(0, start).join(''), characters.slice(start, end).join('') || ' ', characters.slice(end).join('')];
}
