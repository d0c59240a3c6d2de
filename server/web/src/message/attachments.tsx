import { Button, Caption1, Text, makeStyles, tokens } from '@fluentui/react-components';
import { ArrowDownloadRegular, DocumentRegular, ImageRegular, MailRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { useDownload } from '../api/queries';
import type { MessageDetail } from '../api/types';
import { formatBytes } from '../format';
import { useLanguage } from '../i18n';
import { ProblemNotice } from '../shell/problem-notice';

const useStyles = makeStyles({
  list: { display: 'flex', flexWrap: 'wrap', gap: '8px', listStyle: 'none', margin: 0, padding: 0 },
  button: { maxWidth: 'min(320px, 100%)', justifyContent: 'flex-start', textAlign: 'left', padding: '5px 10px', backgroundColor: tokens.colorNeutralBackground1 },
  item: { maxWidth: '100%', minWidth: 0 },
  text: { display: 'flex', flexDirection: 'column', minWidth: 0 },
  name: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  quiet: { color: tokens.colorNeutralForeground3 },
});

export function Attachments({ tenant, mail }: { tenant: string; mail: MessageDetail }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const save = useDownload('/api/v1/tenants/{t}/messages/{m}/attachments/{n}');
  return (
    <>
      <ul className={styles.list} aria-label={t('message.attachments', { count: mail.attachments.length })}>
        {mail.attachments.map((part) => {
          const Icon = part.media_type.startsWith('image/') ? ImageRegular : part.media_type === 'message/rfc822' ? MailRegular : DocumentRegular;
          return (
            <li key={part.n} className={styles.item}>
              <Button className={styles.button} icon={<Icon />} iconPosition="before" title={`${part.filename} · ${part.media_type}`} disabled={save.isPending}
                aria-label={t('message.download', { name: part.filename })}
                onClick={() => save.mutate({ filename: part.filename, path: { t: tenant, m: mail.message_id, n: String(part.n) } })}>
                <span className={styles.text}>
                  <Text className={styles.name}>{part.filename}</Text>
                  <Caption1 className={styles.quiet}>{formatBytes(part.size, language)}{part.inline && ` · ${t('message.inline')}`} <ArrowDownloadRegular aria-hidden="true" /></Caption1>
                </span>
              </Button>
            </li>
          );
        })}
      </ul>
      {save.isError && <ProblemNotice error={save.error} />}
    </>
  );
}
