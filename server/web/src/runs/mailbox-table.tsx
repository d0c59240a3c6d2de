import { Caption1, ProgressBar, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useTranslation } from 'react-i18next';
import type { MailboxProgress } from '../api/types';
import { formatBytes, formatCount, formatDuration } from '../format';
import { useLanguage } from '../i18n';
import { StateBadge } from './state-badge';
import { fraction } from './totals';

const useStyles = makeStyles({
  box: { overflowX: 'auto', backgroundColor: tokens.colorNeutralBackground1, borderRadius: tokens.borderRadiusLarge, boxShadow: tokens.shadow2 },
  table: { borderCollapse: 'collapse', width: '100%', '& th, & td': { padding: '8px', textAlign: 'left', verticalAlign: 'top', borderBottom: `1px solid ${tokens.colorNeutralStroke3}` }, '& th': { fontWeight: tokens.fontWeightSemibold, fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 } },
  number: { textAlign: 'right !important' as 'right', fontVariantNumeric: 'tabular-nums' },
  value: { whiteSpace: 'nowrap' },
  who: { minWidth: '180px', overflowWrap: 'anywhere' },
  quiet: { color: tokens.colorNeutralForeground3, display: 'block' },
  error: { color: tokens.colorStatusDangerForeground1, display: 'block' },
  finding: { color: tokens.colorStatusWarningForeground3, display: 'block' },
});
const numbers = [['seen', 'seen'], ['archived', 'archived'], ['already', 'already_archived'], ['quarantined', 'quarantined'], ['vanished', 'vanished'], ['failed', 'failed']] as const;

export function MailboxTable({ mailboxes }: { mailboxes: MailboxProgress[] }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  if (mailboxes.length === 0) return <Text className={styles.quiet}>{t('runs.noMailboxes')}</Text>;
  const live = mailboxes.some((mailbox) => mailbox.state === 'running');
  return (
    <div className={styles.box} tabIndex={0} role="group" aria-label={t('runs.mailboxes')}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t('runs.mailbox')}</th><th scope="col">{t('runs.state')}</th>
            {numbers.map(([name]) => <th key={name} scope="col" className={styles.number}>{t(`runs.${name}`)}</th>)}
            <th scope="col" className={styles.number}>{t('runs.bytes')}</th>
            {live && <><th scope="col" className={styles.number}>{t('runs.rate')}</th><th scope="col" className={styles.number}>{t('runs.eta')}</th></>}
          </tr>
        </thead>
        <tbody>{mailboxes.map((mailbox) => <Line key={mailbox.mailbox} mailbox={mailbox} />)}</tbody>
      </table>
    </div>
  );

  function Line({ mailbox }: { mailbox: MailboxProgress }) {
    const done = fraction(mailbox);
    const running = mailbox.state === 'running';
    const value = mergeClasses(styles.number, styles.value);
    return (
      <tr>
        <th scope="row" className={styles.who}>
          <Text weight="semibold">{mailbox.display_name || mailbox.upn || mailbox.mailbox}</Text>
          {mailbox.upn && mailbox.display_name && <Caption1 className={styles.quiet}>{mailbox.upn}</Caption1>}
          {mailbox.error && <Caption1 className={styles.error}>{mailbox.error}</Caption1>}
          {mailbox.findings?.map((finding) => <Caption1 key={finding} className={styles.finding}>{finding}</Caption1>)}
        </th>
        <td>
          <StateBadge state={mailbox.state} />
          {running && <ProgressBar aria-label={t('runs.state')} style={{ marginTop: '6px', minWidth: '80px' }} {...(done === undefined ? {} : { value: done })} />}
        </td>
        {numbers.map(([name, field]) => <td key={name} className={value}>{formatCount(mailbox[field] ?? 0, language)}</td>)}
        <td className={value}>{formatBytes(mailbox.bytes ?? 0, language)}</td>
        {live && <td className={value}>{running && mailbox.rate ? formatCount(Math.round(mailbox.rate), language) : ''}</td>}
        {live && <td className={value}>{running && typeof mailbox.eta === 'number' ? formatDuration(mailbox.eta) : ''}</td>}
      </tr>
    );
  }
}
