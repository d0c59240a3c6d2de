// A profile: what it pulls, its latest runs, and the button that starts one.
import { Button, Caption1, Card, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { PlayRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { useRuns, useStartRun } from '../api/queries';
import type { Profile, Run } from '../api/types';
import { formatCount, formatInterval, formatMoment } from '../format';
import { useLanguage } from '../i18n';
import { formatRoute } from '../route';
import { ProblemNotice } from '../shell/problem-notice';
import { StateBadge } from './state-badge';
import { totals } from './totals';

const useStyles = makeStyles({
  head: { display: 'flex', gap: '8px', alignItems: 'flex-start' },
  title: { flex: 1, minWidth: 0, display: 'flex', flexDirection: 'column', overflowWrap: 'anywhere' },
  quiet: { color: tokens.colorNeutralForeground3 },
  runs: { listStyle: 'none', margin: 0, padding: 0 },
  run: { display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) auto', gap: '2px 8px', padding: '8px', borderRadius: tokens.borderRadiusMedium, color: 'inherit', textDecoration: 'none', alignItems: 'center', ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover } },
  shown: { backgroundColor: tokens.colorBrandBackground2 },
});

export function ProfileCard({ tenant, profile, mayStart, shown }: { tenant: string; profile: Profile; mayStart: boolean; shown: string | null }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const runs = useRuns(tenant, profile.id);
  const start = useStartRun(tenant, profile.id);
  const busy = (runs.data ?? []).some((run) => run.state === 'running' || run.state === 'queued');
  const include = profile.mailboxes?.include;
  const what = Array.isArray(include) ? t('runs.some', { count: include.length }) : t('runs.all');
  const when = profile.schedule?.every ? t('runs.every', { time: formatInterval(profile.schedule.every, language) }) : (profile.schedule?.cron || t('runs.byHand'));
  return (
    <Card>
      <div className={styles.head}>
        <div className={styles.title}>
          <Text weight="semibold" as="h2" style={{ margin: 0 }}>{profile.name}</Text>
          <Caption1 className={styles.quiet}>{[profile.kind, what, when].join(' · ')}</Caption1>
        </div>
        {mayStart && <Button size="small" appearance={busy ? 'secondary' : 'primary'} icon={<PlayRegular />} disabled={busy || start.isPending} onClick={() => start.mutate()}>{t('runs.start')}</Button>}
      </div>
      {start.isError && <ProblemNotice error={start.error} />}
      {runs.isError && <ProblemNotice error={runs.error} onRetry={() => void runs.refetch()} />}
      {runs.data?.length === 0 && <Text className={styles.quiet}>{t('runs.noRuns')}</Text>}
      <ul className={styles.runs} aria-label={t('runs.recent')}>
        {runs.data?.map((run) => <li key={run.id}><RunLine tenant={tenant} run={run} shown={shown === run.id} /></li>)}
      </ul>
    </Card>
  );
}

function RunLine({ tenant, run, shown }: { tenant: string; run: Run; shown: boolean }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const sum = totals(run.mailboxes);
  return (
    <a className={mergeClasses(styles.run, shown && styles.shown)} href={formatRoute({ page: 'runs', tenant, run: run.id })} aria-current={shown ? 'true' : undefined}>
      <Text>{formatMoment(run.started_at ?? run.queued_at, language)}</Text>
      <StateBadge state={run.state} />
      <Caption1 className={styles.quiet}>{t('runs.archived')}: {formatCount(sum.archived, language)} · {t('runs.already')}: {formatCount(sum.already_archived, language)}</Caption1>
    </a>
  );
}
