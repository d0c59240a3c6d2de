import { describe, expect, it } from 'vitest';
import { cutAtFault, queryFault, readFilters, writeFilter } from './query-text';

describe('filters are a view of the text', () => {
  it('reads plain terms of the top level', () => {
    expect(readFilters('Orgel after:2026-01 has:attachment folder:"Sent Items"')).toEqual({ after: '2026-01', attachment: 'yes', folder: 'Sent Items' });
  });
  it('leaves to the person what is negated, grouped, alternative or written twice', () => {
    expect(readFilters('NOT folder:Inbox')).toEqual({});
    expect(readFilters('(after:2026-01)')).toEqual({});
    expect(readFilters('after:2026-01 OR Orgel')).toEqual({});
    expect(readFilters('after:2025 after:2026')).toEqual({});
  });
  it('writes back without touching the rest', () => {
    expect(writeFilter('Orgel after:2025', 'after', '2026-01')).toBe('Orgel after:2026-01');
    expect(writeFilter('Orgel after:2025', 'after', '')).toBe('Orgel');
    expect(writeFilter('Orgel OR Pfeife', 'folder', 'Sent Items')).toBe('(Orgel OR Pfeife) folder:"Sent Items"');
  });
  it('shows where a query goes wrong', () => {
    expect(queryFault("column 7: there is no field 'foo:'")).toEqual({ column: 7, text: "there is no field 'foo:'" });
    expect(queryFault('the server is busy')).toBeNull();
    expect(cutAtFault('Orgel foo:bar x', 7)).toEqual(['Orgel ', 'foo:bar', ' x']);
  });
});
