// Where the person is, as the address shows it: #/t/acme/search?q=from:anna&sort=date_desc&m=17 or #/t/acme/runs/12.
//
// It lives in the fragment, so that what somebody searched for never reaches an access log by way of a link or a reload.
import { useSyncExternalStore } from 'react';

export type Route =
  | { page: 'search'; tenant: string; q: string | null; sort: Sort; message: string | null }
  | { page: 'runs'; tenant: string; run: string | null };

export const sorts = ['date_desc', 'date_asc', 'relevance', 'size_desc', 'size_asc'] as const;
export type Sort = (typeof sorts)[number];

export const home = (tenant: string): Route => ({ page: 'search', tenant, q: null, sort: 'date_desc', message: null });

export function parseRoute(hash: string): Route | null {
  const [path = '', search = ''] = hash.replace(/^#/u, '').split(/\?(.*)/su);
  const [empty, t, tenant, page, id, ...rest] = path.split('/').map(decode);
  if (empty !== '' || t !== 't' || !tenant || rest.length > 0) return null;
  if (page === 'runs') return { page, tenant, run: id || null };
  if ((page ?? 'search') !== 'search' || id) return null;
  const parameters = new URLSearchParams(search);
  const sort = sorts.find((known) => known === parameters.get('sort')) ?? 'date_desc';
  return { page: 'search', tenant, q: parameters.get('q'), sort, message: parameters.get('m') };
}

export function formatRoute(route: Route): string {
  const base = `#/t/${encodeURIComponent(route.tenant)}/${route.page}`;
  if (route.page === 'runs') return route.run ? `${base}/${encodeURIComponent(route.run)}` : base;
  const parameters = new URLSearchParams();
  if (route.q !== null) parameters.set('q', route.q);
  if (route.sort !== 'date_desc') parameters.set('sort', route.sort);
  if (route.message !== null) parameters.set('m', route.message);
  return parameters.size > 0 ? `${base}?${parameters}` : base;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return '';
  }
}

// `replace` leaves no step for the back button.
export function navigate(route: Route, replace = false): void {
  const hash = formatRoute(route);
  if (hash === window.location.hash) return;
  if (replace) window.history.replaceState(window.history.state, '', hash);
  else window.history.pushState({ within: true }, '', hash);
  window.dispatchEvent(new Event('kopial:route'));
}

// Back to where the person came from; when he came by a link from outside, to `fallback`.
export function goBack(fallback: Route): void {
  if ((window.history.state as { within?: boolean } | null)?.within) window.history.back();
  else navigate(fallback, true);
}

const events = ['hashchange', 'popstate', 'kopial:route'];
function subscribe(changed: () => void): () => void {
  for (const name of events) window.addEventListener(name, changed);
  return () => {
    for (const name of events) window.removeEventListener(name, changed);
  };
}

export function useHash(): string {
  return useSyncExternalStore(subscribe, () => window.location.hash);
}
