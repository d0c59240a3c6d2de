import { expect, it } from 'vitest';
import { formatRoute, parseRoute } from './route';

it('reads back what it wrote', () => {
  const route = { page: 'search', tenant: 'acme', q: 'from:anna "100 %" #1', sort: 'relevance', message: '17' } as const;
  expect(parseRoute(formatRoute(route))).toEqual(route);
  expect(parseRoute('#/t/acme/runs/r1')).toEqual({ page: 'runs', tenant: 'acme', run: 'r1' });
});

it('does not guess at what it does not know', () => {
  for (const hash of ['', '#', '#/t', '#/x/acme', '#/t/acme/what', '#/t/acme/search/1', '#/t/acme/runs/1/2', '#/t/%E0%A4%A/search']) expect(parseRoute(hash)).toBeNull();
});
