// Every failure is shown the same way: what it means, what the server said, and the id under which its log has it.
import { Button, Caption1, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, makeStyles, tokens } from '@fluentui/react-components';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';

const useStyles = makeStyles({
  bar: { margin: '12px', alignSelf: 'stretch', flexShrink: 0 },
  body: { whiteSpace: 'normal', overflowWrap: 'anywhere', paddingTop: '6px', paddingBottom: '6px' },
  id: { display: 'block', color: tokens.colorNeutralForeground3, marginTop: '2px' },
});

export function ProblemNotice({ error, title, onRetry }: { error: unknown; title?: string; onRetry?: () => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const problem = error instanceof Problem ? error : null;
  const lead = title ?? (problem?.status === 0 ? t('problem.unreachable') : problem?.status === 403 ? t('problem.denied')
    : problem?.status === 404 ? t('problem.notFound') : problem?.status === 503 ? t('problem.busy') : t('problem.title'));
  return (
    <MessageBar intent={problem?.status === 403 ? 'warning' : 'error'} layout="multiline" className={styles.bar} role="alert">
      <MessageBarBody className={styles.body}>
        <MessageBarTitle>{lead}</MessageBarTitle>{' '}
        {problem ? problem.detail : String(error)}
        {problem?.requestId && <Caption1 className={styles.id}>{t('problem.request', { id: problem.requestId })}</Caption1>}
      </MessageBarBody>
      {onRetry && <MessageBarActions><Button size="small" onClick={onRetry}>{t('app.retry')}</Button></MessageBarActions>}
    </MessageBar>
  );
}
