// Talking to the daemon: same origin, by cookie, and every failure a Problem that can be shown.
import type { paths } from '../../generated/schema';

// RFC 9457, as the server answers; a broken connection is status 0.
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string | null,
  ) {
    super(detail);
  }
}

type Json<Response> = Response extends { content: { 'application/json': infer Body } } ? Body : undefined;
type Good<Responses> = Responses extends { 200: infer R } ? R : Responses extends { 201: infer R } ? R : Responses extends { 202: infer R } ? R : never;
type Answer<P extends keyof paths, M extends string> = M extends keyof paths[P]
  ? paths[P][M] extends { responses: infer R } ? Json<Good<R>> : never
  : never;
type With<M extends string> = { [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never }[keyof paths];

export interface Options {
  path?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

// The address of a route of the OpenAPI document with its {…} filled in.
export function address(pattern: keyof paths, { path = {}, query = {} }: Pick<Options, 'path' | 'query'> = {}): string {
  const filled = pattern.replace(/\{(\w+)\}/gu, (_, name: string) => encodeURIComponent(path[name] ?? ''));
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size > 0 ? `${filled}?${parameters}` : filled;
}

export async function send(method: string, pattern: keyof paths, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { 'X-Kopial-Client': 'browser', ...options.headers };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(address(pattern, options), {
      method,
      headers,
      credentials: 'same-origin',
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, 'unreachable', '', null);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text().catch(() => '');
  try {
    const body = JSON.parse(text) as { code?: string; detail?: string; title?: string; request_id?: string };
    return new Problem(response.status, body.code ?? '', body.detail ?? body.title ?? '', body.request_id ?? null);
  } catch {
    return new Problem(response.status, '', `HTTP ${response.status}`, null);
  }
}

export type GetAnswer<P extends With<'get'>> = Answer<P, 'get'>;

export async function get<P extends With<'get'>>(pattern: P, options: Options = {}): Promise<GetAnswer<P>> {
  return (await (await send('GET', pattern, options)).json()) as GetAnswer<P>;
}

export async function post<P extends With<'post'>>(pattern: P, options: Options = {}): Promise<Answer<P, 'post'>> {
  const response = await send('POST', pattern, options);
  return (response.status === 204 ? undefined : await response.json()) as Answer<P, 'post'>;
}

// Saves an answer as a file. A plain link would do without the header that every request of this application carries.
export async function download(pattern: keyof paths, filename: string, options: Options = {}): Promise<void> {
  const blob = await (await send('GET', pattern, options)).blob();
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
