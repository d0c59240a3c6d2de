// What the screens ask the server, and how long an answer may be used again.
//
// Answers about mail are kept as long as the window shows them and are never asked again by themselves: each look is an audit event.
import { MutationCache, QueryCache, QueryClient, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { type Options, Problem, download, get, post, send } from './client';
import { readEvents } from './events';
import type { Archive, Run, Session } from './types';
import type { paths } from '../../generated/schema';

const sessionKey = ['session'] as const;
const expiredKey = ['session-expired'] as const;
const looked = { staleTime: Infinity, gcTime: 10 * 60_000 };

export function makeQueryClient(): QueryClient {
  const onError = (error: unknown) => {
    if (!(error instanceof Problem) || error.status !== 401 || !client.getQueryData(sessionKey)) return;
    client.setQueryData(expiredKey, true);
    client.setQueryData(sessionKey, null);
  };
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        retry: (times, error) => times < 2 && error instanceof Problem && (error.status === 0 || error.status === 503),
      },
    },
  });
  return client;
}

// null: nobody is signed in.
export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: async ({ signal }): Promise<Session | null> => {
      try {
        return await get('/api/v1/sessions/current', { signal });
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
    gcTime: Infinity,
  });
}

interface Credentials {
  tenant?: string;
  username: string;
  password: string;
  code?: string;
}

export function useSignIn() {
  const client = useQueryClient();
  const signIn = useMutation({
    mutationFn: async (body: Credentials) => {
      await post(body.code === undefined ? '/api/v1/sessions' : '/api/v1/sessions/redeem', { body });
      return await get('/api/v1/sessions/current');
    },
    onSuccess: (session) => {
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });  // Whatever the person before saw.
      client.setQueryData(sessionKey, session);
    },
  });
  return Object.assign(signIn, { session: client.getQueryData(expiredKey) ? ('expired' as const) : ('none' as const) });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => send('DELETE', '/api/v1/sessions/current'),
    onSettled: () => {
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
      client.setQueryData(sessionKey, null);
    },
  });
}

async function everything<T>(page: (after: string | undefined) => Promise<{ items: T[]; next: string | null }>): Promise<T[]> {
  const all: T[] = [];
  let after: string | undefined;
  do {
    const { items, next } = await page(after);
    all.push(...items);
    after = next ?? undefined;
  } while (after !== undefined && all.length < 10_000);
  return all;
}

export function useArchives(tenant: string) {
  return useQuery({
    queryKey: ['archives', tenant],
    queryFn: ({ signal }): Promise<Archive[]> => everything((after) => get('/api/v1/tenants/{t}/archives', { path: { t: tenant }, query: { limit: 1000, after }, signal })),
    staleTime: 60_000,
  });
}

// Names for ids, as far as the person may know them.
export function useArchiveName(tenant: string): (id: string) => string {
  const { data } = useArchives(tenant);
  const names = useMemo(() => new Map((data ?? []).map((archive) => [archive.id, archive.display_name || archive.addresses[0] || archive.id])), [data]);
  return useCallback((id) => names.get(id) ?? id, [names]);
}

export function useFolders(tenant: string, archive: string | null) {
  return useQuery({
    queryKey: ['folders', tenant, archive],
    queryFn: async ({ signal }) => (await get('/api/v1/tenants/{t}/archives/{a}/folders', { path: { t: tenant, a: archive ?? '' }, signal })).items.map((item) => item.folder),
    enabled: archive !== null,
    staleTime: 60_000,
  });
}

export function useSearch(tenant: string, q: string | null, sort: string) {
  return useInfiniteQuery({
    queryKey: ['search', tenant, q, sort],
    queryFn: ({ pageParam, signal }) => get('/api/v1/tenants/{t}/search', { path: { t: tenant }, query: { q: q ?? '', sort, limit: 50, after: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    enabled: q !== null,
    ...looked,
  });
}

export function useMessage(tenant: string, id: string) {
  return useQuery({ queryKey: ['message', tenant, id], queryFn: ({ signal }) => get('/api/v1/tenants/{t}/messages/{m}', { path: { t: tenant, m: id }, signal }), ...looked });
}

export function useTextBody(tenant: string, id: string | null) {
  return useQuery({
    queryKey: ['text', tenant, id],
    queryFn: async ({ signal }) => (await send('GET', '/api/v1/tenants/{t}/messages/{m}/text', { path: { t: tenant, m: id ?? '' }, signal })).text(),
    enabled: id !== null,
    ...looked,
  });
}

export function useHtmlBody(tenant: string, id: string) {
  return useQuery({
    queryKey: ['html', tenant, id],
    queryFn: async ({ signal }) => {
      const response = await send('GET', '/api/v1/tenants/{t}/messages/{m}/html', { path: { t: tenant, m: id }, signal });
      return { html: await response.text(), blocked: Number(response.headers.get('x-kopial-blocked-remote') ?? 0) };
    },
    ...looked,
  });
}

export function useDownload(pattern: keyof paths) {
  return useMutation({ mutationFn: ({ filename, path }: { filename: string; path: NonNullable<Options['path']> }) => download(pattern, filename, { path }) });
}

export function useProfiles(tenant: string) {
  return useQuery({
    queryKey: ['profiles', tenant],
    queryFn: ({ signal }) => everything((after) => get('/api/v1/tenants/{t}/profiles', { path: { t: tenant }, query: { limit: 1000, after }, signal })),
    staleTime: 10_000,
  });
}

const runsKey = (tenant: string, profile: string) => ['runs', tenant, profile];

export function useRuns(tenant: string, profile: string) {
  return useQuery({
    queryKey: runsKey(tenant, profile),
    queryFn: async ({ signal }) => (await get('/api/v1/tenants/{t}/profiles/{p}/runs', { path: { t: tenant, p: profile }, query: { limit: 5 }, signal })).items,
    refetchInterval: 5000,
  });
}

export function useStartRun(tenant: string, profile: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post('/api/v1/tenants/{t}/profiles/{p}/runs', { path: { t: tenant, p: profile }, body: {} }),
    onSettled: () => client.invalidateQueries({ queryKey: runsKey(tenant, profile) }),
  });
}

export function useCancelRun(tenant: string, id: string) {
  return useMutation({ mutationFn: () => send('POST', '/api/v1/tenants/{t}/runs/{r}/cancel', { path: { t: tenant, r: id } }) });
}

export const isOver = (run: Run) => run.state !== 'queued' && run.state !== 'running';

// A run as it goes on: each event brings the whole run anew. A lost connection is tried again, slower each time, until the run is over.
export function useRun(tenant: string, id: string) {
  const client = useQueryClient();
  const [run, setRun] = useState<Run | null>(null);
  const [live, setLive] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [round, setRound] = useState(0);
  const path = useMemo(() => ({ t: tenant, r: id }), [tenant, id]);

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const follow = async () => {
      const now = await get('/api/v1/tenants/{t}/runs/{r}', { path, signal });
      setRun(now);
      setError(null);
      if (isOver(now)) return true;
      const response = await send('GET', '/api/v1/tenants/{t}/runs/{r}/events', { path, signal, headers: { Accept: 'text/event-stream' } });
      setLive(true);
      let over = false;
      await readEvents(response, ({ data }) => {
        const next = JSON.parse(data) as Run;
        if (!Array.isArray(next.mailboxes)) return;
        setRun(next);
        over = isOver(next);
      });
      return over;
    };
    const go = async () => {
      for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 15_000)) {
        try {
          if (await follow()) return setLive(false);
        } catch (problem) {
          if (signal.aborted) return;
          if (problem instanceof Problem && problem.status === 401) return void client.invalidateQueries({ queryKey: sessionKey });
          setError(problem);
          if (problem instanceof Problem && problem.status >= 400 && problem.status < 500) return;
        }
        setLive(false);
        await new Promise((resume) => setTimeout(resume, wait));
      }
    };
    void go();
    return () => stop.abort();
  }, [client, path, round]);

  return { run, live, error, retry: useCallback(() => setRound((count) => count + 1), []) };
}
