// One run, followed live: its state, its sums, and every mailbox with what was seen, kept, already there and gone wrong.
import { Button, Caption1, MessageBar, MessageBarBody, ProgressBar, Spinner, Subtitle1, Text, makeStyles, tokens } from '@fluentui/react-components';
import { ArrowLeftRegular, StopRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { useCancelRun, useRun } from '../api/queries';
import { formatBytes, formatCount, formatDuration, formatMoment } from '../format';
import { useLanguage } from '../i18n';
import { ProblemNotice } from '../shell/problem-notice';
import { MailboxTable } from './mailbox-table';
import { StateBadge } from './state-badge';
import { totals } from './totals';

const useStyles = makeStyles({
  root: { padding: '16px 20px 24px', display: 'flex', flexDirection: 'column', gap: '16px', '@media (max-width: 599px)': { padding: '8px 12px 16px' } },
  head: { display: 'flex', flexWrap: 'wrap', gap: '8px 12px', alignItems: 'center' },
  push: { marginLeft: 'auto' },
  quiet: { color: tokens.colorNeutralForeground3 },
  sums: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(100px, 1fr))', gap: '8px', margin: 0 },
  sum: { padding: '10px 8px', backgroundColor: tokens.colorNeutralBackground1, borderRadius: tokens.borderRadiusLarge, boxShadow: tokens.shadow2, display: 'flex', flexDirection: 'column-reverse' },
  number: { margin: 0, whiteSpace: 'nowrap', fontSize: tokens.fontSizeBase500, fontWeight: tokens.fontWeightSemibold, fontVariantNumeric: 'tabular-nums', lineHeight: tokens.lineHeightBase500 },
});

interface Props {
  tenant: string;
  id: string;
  mayCancel: boolean;
  narrow: boolean;
  onClose: () => void;
}

export function RunView({ tenant, id, mayCancel, narrow, onClose }: Props) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const { run, live, error, retry } = useRun(tenant, id);
  const cancel = useCancelRun(tenant, id);
  const back = narrow && <Button appearance="subtle" icon={<ArrowLeftRegular />} aria-label={t('app.back')} onClick={onClose} />;
  if (!run) return <div className={styles.root}><div className={styles.head}>{back}</div>{error ? <ProblemNotice error={error} onRetry={retry} /> : <Spinner label={t('app.loading')} />}</div>;

  const active = run.state === 'running' || run.state === 'queued';
  const sum = totals(run.mailboxes);
  const begun = run.started_at ?? run.queued_at;
  const seconds = begun ? ((run.ended_at ? Date.parse(run.ended_at) : Date.now()) - Date.parse(begun)) / 1000 : 0;
  const sums = [
    ['seen', formatCount(sum.seen, language)], ['archived', formatCount(sum.archived, language)], ['already', formatCount(sum.already_archived, language)],
    ['quarantined', formatCount(sum.quarantined, language)], ['vanished', formatCount(sum.vanished, language)], ['failed', formatCount(sum.failed, language)], ['bytes', formatBytes(sum.bytes, language)],
  ] as const;
  return (
    <div className={styles.root}>
      <div className={styles.head}>
        {back}
        <Subtitle1 as="h1">{run.profile_name ?? t('runs.run')}</Subtitle1>
        <span role="status" data-testid="run-state"><StateBadge state={run.state} /></span>
        {active && <Caption1 className={styles.quiet}>{live ? t('runs.live') : t('runs.reconnecting')}</Caption1>}
        {active && mayCancel && <Button className={styles.push} size="small" icon={<StopRegular />} disabled={cancel.isPending} onClick={() => cancel.mutate()}>{t('runs.cancel')}</Button>}
      </div>
      {cancel.isError && <ProblemNotice error={cancel.error} />}
      <Text className={styles.quiet}>
        {t('runs.begun')} {formatMoment(begun, language)} · {t('runs.took')} {formatDuration(seconds)} · {t('runs.progress', { done: sum.finished, all: run.mailboxes.length })}
        {active && sum.rate > 0 && ` · ${formatCount(Math.round(sum.rate), language)} ${t('runs.rate')}`}
      </Text>
      {active && <ProgressBar thickness="large" aria-label={t('runs.state')} {...(sum.expected > 0 ? { value: Math.min(1, sum.seen / sum.expected) } : {})} />}
      {run.error && <MessageBar intent="error" layout="multiline"><MessageBarBody>{run.error}</MessageBarBody></MessageBar>}
      <dl className={styles.sums}>
        {sums.map(([name, value]) => <div key={name} className={styles.sum}><dt><Caption1 className={styles.quiet}>{t(`runs.${name}`)}</Caption1></dt><dd className={styles.number}>{value}</dd></div>)}
      </dl>
      <MailboxTable mailboxes={run.mailboxes} />
    </div>
  );
}
