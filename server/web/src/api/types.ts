// The server's answers under the names this application uses, taken from the types generated from openapi.json.
import type { GetAnswer } from './client';

type Item<T> = T extends { items: (infer I)[] } ? I : never;

export type Session = GetAnswer<'/api/v1/sessions/current'>;
export type User = Session['user'];
export type Archive = Item<GetAnswer<'/api/v1/tenants/{t}/archives'>>;
export type SearchAnswer = GetAnswer<'/api/v1/tenants/{t}/search'>;
export type Hit = Item<SearchAnswer>;
export type Coverage = SearchAnswer['coverage'];
export type MessageDetail = GetAnswer<'/api/v1/tenants/{t}/messages/{m}'>;
export type Profile = Item<GetAnswer<'/api/v1/tenants/{t}/profiles'>>;
export type Run = GetAnswer<'/api/v1/tenants/{t}/runs/{r}'>;
export type MailboxProgress = Run['mailboxes'][number];
