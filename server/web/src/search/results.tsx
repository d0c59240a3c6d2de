// The answer: how many, what that covers, and the list; or the reason why there is none.
import { makeStyles, Skeleton, SkeletonItem, Spinner, tokens } from '@fluentui/react-components';
import { MailOffRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import type { useSearch } from '../api/queries';
import type { User } from '../api/types';
import type { Route } from '../route';
import { Notice } from '../shell/notice';
import { ProblemNotice } from '../shell/problem-notice';
import { readsOthers } from './access';
import { CoverageLine } from './coverage-line';
import { queryFault, readFilters, writeFilter } from './query-text';
import { ResultList, rowHeight } from './result-list';

const useStyles = makeStyles({
  waiting: { padding: '0 16px', display: 'flex', flexDirection: 'column' },
  bones: { height: `${rowHeight}px`, display: 'flex', flexDirection: 'column', gap: '10px', justifyContent: 'center', borderBottom: `1px solid ${tokens.colorNeutralStroke3}` },
  line: { height: '32px', display: 'flex', alignItems: 'center', padding: '0 16px' },
});

interface Props {
  route: Extract<Route, { page: 'search' }>;
  user: User;
  search: ReturnType<typeof useSearch>;
  onOpen: (message: string) => void;
  onAsk: (q: string) => void;
}

export function Results({ route, user, search, onOpen, onAsk }: Props) {
  const styles = useStyles();
  const { t } = useTranslation();
  const q = route.q ?? '';
  if (search.isPending) {
    return (
      <>
        <div className={styles.line} role="status"><Spinner size="extra-tiny" label={t('search.searching')} /></div>
        <Skeleton className={styles.waiting} aria-hidden="true">
          {[90, 70, 80, 60, 85, 75].map((width) => (
            <div key={width} className={styles.bones}><SkeletonItem size={12} style={{ width: `${width / 2}%` }} /><SkeletonItem size={16} style={{ width: `${width}%` }} /><SkeletonItem size={12} /></div>
          ))}
        </Skeleton>
      </>
    );
  }
  if (search.isError && !search.data) {
    const said = search.error instanceof Problem && search.error.status === 400 && queryFault(search.error.detail);
    return said ? null : <ProblemNotice error={search.error} onRetry={() => void search.refetch()} />;
  }
  const first = search.data?.pages[0];
  if (!first) return null;
  const items = search.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <CoverageLine total={first.total} coverage={first.coverage} tookMs={first.took_ms} onPartial={() => onAsk(`${q} is:partial`.trim())} />
      {search.isFetchNextPageError && <ProblemNotice error={search.error} onRetry={() => void search.fetchNextPage()} />}
      {items.length > 0 ? <ResultList items={items} route={route} search={search} onOpen={onOpen} /> : <Nothing />}
    </>
  );

  function Nothing() {
    const filters = Object.keys(readFilters(q)) as (keyof ReturnType<typeof readFilters>)[];
    if (first?.coverage.in_scope === 0) {
      if (readsOthers(user) || (!user.roles.includes('administrator') && !user.roles.includes('auditor'))) {
        return <Notice icon={<MailOffRegular />} title={t('search.emptyArchiveTitle')} text={t('search.emptyArchiveText')} />;
      }
      return <Notice icon={<MailOffRegular />} title={t('search.adminTitle')} text={t(user.roles.includes('administrator') ? 'search.adminText' : 'search.auditorText')} />;
    }
    const without = filters.reduce((text, name) => writeFilter(text, name, ''), q);
    return <Notice icon={<MailOffRegular />} title={t('search.noneTitle')} text={t('search.noneText')} {...(filters.length > 0 ? { action: { label: t('search.noneFilters'), onClick: () => onAsk(without) } } : {})} />;
  }
}
