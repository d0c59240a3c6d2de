// The query language on one card; each example can be taken over by a click.
import { Button, Link, Popover, PopoverSurface, PopoverTrigger, Subtitle2, Text, makeStyles, tokens } from '@fluentui/react-components';
import { QuestionCircleRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

const rows = [
  ['orgel angebot', 'word'], ['"das neue Angebot"', 'phrase'], ['orgel OR klavier', 'or'], ['orgel -klavier', 'not'], ['orgel*', 'prefix'],
  ['="Maße"', 'exact'], ['from:anna', 'fromTo'], ['subject:rechnung', 'subject'], ['filename:plan', 'filename'], ['has:attachment', 'has'], ['date:2024-01..2024-03', 'date'],
  ['size:>5MB', 'size'], ['folder:Inbox', 'folder'], ['archive:anna@example.org', 'archive'],
] as const;

const useStyles = makeStyles({
  surface: { maxWidth: 'min(460px, calc(100vw - 32px))', maxHeight: '70vh', overflow: 'auto', boxSizing: 'border-box' },
  list: { display: 'grid', gridTemplateColumns: 'max-content 1fr', gap: '6px 16px', margin: '12px 0 0', '@media (max-width: 459px)': { gridTemplateColumns: '1fr' } },
  term: { fontFamily: tokens.fontFamilyMonospace, textAlign: 'left' },
  meaning: { margin: 0, color: tokens.colorNeutralForeground2 },
});

export function QueryHelp({ onInsert }: { onInsert: (term: string) => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <Popover open={open} onOpenChange={(_, data) => setOpen(data.open)} positioning="below-end" trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button size="large" appearance="subtle" icon={<QuestionCircleRegular />} aria-label={t('search.help')} />
      </PopoverTrigger>
      <PopoverSurface className={styles.surface} aria-label={t('help.title')}>
        <Subtitle2 as="h2" block>{t('help.title')}</Subtitle2>
        <Text>{t('help.intro')}</Text>
        <dl className={styles.list}>
          {rows.map(([term, meaning]) => [
            <dt key={term}><Link as="button" className={styles.term} aria-label={t('help.insert', { term })} onClick={() => { setOpen(false); onInsert(term); }}>{term}</Link></dt>,
            <dd key={meaning} className={styles.meaning}>{t(`help.${meaning}`)}</dd>,
          ])}
        </dl>
      </PopoverSurface>
    </Popover>
  );
}
