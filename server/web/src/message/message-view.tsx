// One message: who, when, what it says; its attachments, headers, places and exact bytes.
import { Button, MessageBar, MessageBarBody, Skeleton, SkeletonItem, Subtitle1, Tab, TabList, makeStyles, tokens } from '@fluentui/react-components';
import { ArrowLeftRegular, DismissRegular } from '@fluentui/react-icons';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMessage } from '../api/queries';
import { ProblemNotice } from '../shell/problem-notice';
import { useMedia, wide } from '../shell/theme';
import { Attachments } from './attachments';
import { HtmlBody, TextBody } from './bodies';
import { HeaderTable, PlaceTable } from './tables';
import { Originals } from './originals';
import { People } from './people';

const useStyles = makeStyles({
  root: { flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column', outline: 'none', overflowY: 'auto' },
  bar: { display: 'flex', alignItems: 'center', gap: '4px', padding: '6px 12px', flexShrink: 0, position: 'sticky', top: 0, zIndex: 1, backgroundColor: tokens.colorNeutralBackground2, borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  gap: { flex: 1 },
  head: { padding: '16px 20px 8px', display: 'flex', flexDirection: 'column', gap: '14px', '@media (max-width: 599px)': { padding: '12px 12px 4px' } },
  subject: { overflowWrap: 'anywhere', margin: 0 },
  tabs: { padding: '0 8px', flexShrink: 0, overflowX: 'auto', scrollbarWidth: 'none' },
  paper: { flex: '1 0 auto', margin: '0 20px 20px', display: 'flex', flexDirection: 'column', minHeight: '240px', backgroundColor: tokens.colorNeutralBackground1, borderRadius: tokens.borderRadiusLarge, boxShadow: tokens.shadow2, overflow: 'hidden', '@media (max-width: 599px)': { margin: '0 8px 8px' } },
  bones: { padding: '20px', display: 'flex', flexDirection: 'column', gap: '14px' },
});

type View = 'text' | 'html' | 'headers' | 'where';

export function MessageView({ tenant, id, onClose }: { tenant: string; id: string; onClose: () => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const isWide = useMedia(wide);
  const message = useMessage(tenant, id);
  const [chosen, setChosen] = useState<View | null>(null);
  const root = useRef<HTMLElement>(null);
  useEffect(() => root.current?.focus({ preventScroll: true }), [id]);

  const bar = (
    <div className={styles.bar}>
      <Button appearance="subtle" icon={isWide ? <DismissRegular /> : <ArrowLeftRegular />} aria-label={t(isWide ? 'message.close' : 'app.back')} onClick={onClose} />
      <span className={styles.gap} />
      {message.data && <Originals tenant={tenant} message={message.data} />}
    </div>
  );
  if (message.isPending) {
    return <div className={styles.root} aria-busy="true">{bar}<Skeleton className={styles.bones} aria-label={t('app.loading')}>
      <SkeletonItem size={28} /><SkeletonItem size={16} style={{ width: '60%' }} /><SkeletonItem size={16} style={{ width: '40%' }} /><SkeletonItem size={128} />
    </Skeleton></div>;
  }
  if (message.isError) return <div className={styles.root}>{bar}<ProblemNotice error={message.error} onRetry={() => void message.refetch()} /></div>;

  const mail = message.data;
  // Plain text comes first; what has none shows its formatted text at once.
  const view = chosen ?? (mail.has_text || !mail.has_html ? 'text' : 'html');
  return (
    <article className={styles.root} ref={root} tabIndex={-1} onKeyDown={(event) => event.key === 'Escape' && onClose()} aria-labelledby="subject">
      {bar}
      <header className={styles.head}>
        <Subtitle1 as="h1" id="subject" className={styles.subject}>{mail.subject || t('search.noSubject')}</Subtitle1>
        <People mail={mail} />
        {mail.attachments.length > 0 && <Attachments tenant={tenant} mail={mail} />}
        {mail.defects.length > 0 && <MessageBar intent="warning" layout="multiline"><MessageBarBody>{t('message.defects', { list: mail.defects.join(', ') })}</MessageBarBody></MessageBar>}
      </header>
      <TabList className={styles.tabs} selectedValue={view} onTabSelect={(_, data) => setChosen(data.value as View)} size="small">
        {(mail.has_text || !mail.has_html) && <Tab value="text">{t('message.text')}</Tab>}
        {mail.has_html && <Tab value="html">{t('message.html')}</Tab>}
        <Tab value="headers">{t('message.headers')}</Tab>
        <Tab value="where">{t('message.where')}</Tab>
      </TabList>
      <div className={styles.paper} role="tabpanel" aria-label={t(`message.${view}`)}>
        {view === 'text' && (mail.has_text ? <TextBody tenant={tenant} id={id} /> : <TextBody tenant={tenant} id={null} />)}
        {view === 'html' && <HtmlBody tenant={tenant} id={id} />}
        {view === 'headers' && <HeaderTable headers={mail.headers} />}
        {view === 'where' && <PlaceTable tenant={tenant} mail={mail} />}
      </div>
    </article>
  );
}
