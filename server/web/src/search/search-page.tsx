// Question above, answers left, the chosen message right. On a narrow window the message lies over the list.
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { MailRegular } from '@fluentui/react-icons';
import { useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearch } from '../api/queries';
import type { User } from '../api/types';
import { MessageView } from '../message/message-view';
import { type Route, type Sort, goBack, navigate } from '../route';
import { Notice } from '../shell/notice';
import { useMedia, wide } from '../shell/theme';
import { FilterBar } from './filter-bar';
import { QueryField } from './query-field';
import { Results } from './results';
import { StartPage } from './start-page';

type SearchRoute = Extract<Route, { page: 'search' }>;

const useStyles = makeStyles({
  page: { display: 'flex', flexDirection: 'column', flex: 1, minHeight: 0 },
  ask: { display: 'flex', flexDirection: 'column', gap: '8px', padding: '12px 16px', backgroundColor: tokens.colorNeutralBackground1, borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, '@media (max-width: 599px)': { padding: '8px' } },
  panes: { position: 'relative', flex: 1, minHeight: 0, display: 'flex' },
  list: { display: 'flex', flexDirection: 'column', minWidth: 0, flex: 1, backgroundColor: tokens.colorNeutralBackground1 },
  listWide: { flex: '0 0 clamp(340px, 36%, 520px)', borderRight: `1px solid ${tokens.colorNeutralStroke2}` },
  reader: { flex: 1, minWidth: 0, display: 'flex', flexDirection: 'column', backgroundColor: tokens.colorNeutralBackground2 },
  over: { position: 'absolute', inset: 0, zIndex: 1 },
});

export function SearchPage({ route, user }: { route: SearchRoute; user: User }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const isWide = useMedia(wide);
  const [draft, setDraft] = useState(route.q ?? '');
  useEffect(() => setDraft(route.q ?? ''), [route.q]);
  const search = useSearch(route.tenant, route.q, route.sort);

  const ask = useCallback((q: string, sort: Sort = route.sort) => {
    setDraft(q);
    const to: SearchRoute = { ...route, q: q.trim(), sort, message: null };
    if (q.trim() === route.q && sort === route.sort) void search.refetch();
    else navigate(to);
  }, [route, search]);
  const open = useCallback((message: string) => navigate({ ...route, message }, route.message !== null), [route]);
  const close = () => goBack({ ...route, message: null });

  const reading = route.message !== null;
  const covered = reading && !isWide;
  return (
    <div className={styles.page}>
      <search className={styles.ask}>
        <QueryField draft={draft} onDraft={setDraft} onAsk={ask} error={search.error} asked={route.q} />
        <FilterBar tenant={route.tenant} draft={draft} sort={route.sort} onAsk={ask} />
      </search>
      <div className={styles.panes}>
        {route.q === null && !reading ? <StartPage user={user} onAsk={ask} /> : (
          <>
            <section className={mergeClasses(styles.list, isWide && styles.listWide)} aria-label={t('search.results')} inert={covered}>
              {route.q !== null && <Results route={route} user={user} search={search} onOpen={open} onAsk={ask} />}
            </section>
            {reading && route.message !== null
              ? <section className={mergeClasses(styles.reader, !isWide && styles.over)} aria-label={t('message.region')}>
                  <MessageView key={route.message} tenant={route.tenant} id={route.message} onClose={close} />
                </section>
              : isWide && <div className={styles.reader}><Notice icon={<MailRegular />} title={t('message.none')} text={t('message.noneText')} /></div>}
          </>
        )}
      </div>
    </div>
  );
}
