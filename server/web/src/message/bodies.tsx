// What the message says: plain text with quotations set back, or its HTML in a frame that can do nothing.
import { MessageBar, MessageBarBody, Spinner, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useHtmlBody, useTextBody } from '../api/queries';
import { ProblemNotice } from '../shell/problem-notice';
import { safeHtml } from './safe-html';

const useStyles = makeStyles({
  text: { margin: 0, padding: '16px 20px', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', fontFamily: tokens.fontFamilyBase, fontSize: tokens.fontSizeBase300, lineHeight: '1.55', color: tokens.colorNeutralForeground1, maxWidth: '80ch' },
  quote: { color: tokens.colorNeutralForeground3 },
  quiet: { padding: '20px', color: tokens.colorNeutralForeground3 },
  frame: { flex: 1, minHeight: 'max(420px, 62dvh)', width: '100%', border: 0, backgroundColor: '#fff', display: 'block' },
  note: { borderRadius: 0, flexShrink: 0 },
});

export function TextBody({ tenant, id }: { tenant: string; id: string | null }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const body = useTextBody(tenant, id);
  if (id === null) return <Text className={styles.quiet}>{t('message.noText')}</Text>;
  if (body.isError) return <ProblemNotice error={body.error} onRetry={() => void body.refetch()} />;
  if (body.isPending) return <Spinner className={styles.quiet} size="small" aria-label={t('app.loading')} />;
  if (body.data.trim() === '') return <Text className={styles.quiet}>{t('message.textEmpty')}</Text>;
  return (
    <pre className={styles.text} data-testid="text-body">
      {runs(body.data).map((run, index) => <span key={index} className={mergeClasses(run.quoted && styles.quote)}>{run.text}</span>)}
    </pre>
  );
}

// Neighbouring lines that are all quoted, or all not.
function runs(text: string): { text: string; quoted: boolean }[] {
  const out: { text: string; quoted: boolean }[] = [];
  for (const line of text.replaceAll('\r\n', '\n').split(/(?<=\n)/u)) {
    const quoted = line.startsWith('>');
    const previous = out.at(-1);
    if (previous?.quoted === quoted) previous.text += line;
    else out.push({ text: line, quoted });
  }
  return out;
}

export function HtmlBody({ tenant, id }: { tenant: string; id: string }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const body = useHtmlBody(tenant, id);
  const safe = useMemo(() => (body.data ? safeHtml(body.data.html) : null), [body.data]);
  if (body.isError) return <ProblemNotice error={body.error} onRetry={() => void body.refetch()} />;
  if (!safe || !body.data) return <Spinner className={styles.quiet} size="small" aria-label={t('app.loading')} />;
  const blocked = body.data.blocked + safe.blocked;
  return (
    <>
      {blocked > 0 && <MessageBar className={styles.note} intent="info" layout="multiline"><MessageBarBody data-testid="blocked">{t('message.blocked', { count: blocked })} {t('message.linksOff')}</MessageBarBody></MessageBar>}
      <iframe className={styles.frame} title={t('message.frame')} sandbox="" referrerPolicy="no-referrer" srcDoc={safe.document} />
    </>
  );
}
