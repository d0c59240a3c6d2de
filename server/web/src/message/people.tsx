// From, to, when. Long lists of recipients are cut until asked for.
import { Avatar, Link, Text, makeStyles, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { MessageDetail } from '../api/types';
import { type Address, formatTime, longName, shortName } from '../format';
import { useLanguage } from '../i18n';

const useStyles = makeStyles({
  root: { display: 'flex', gap: '12px', alignItems: 'flex-start' },
  facts: { display: 'grid', gridTemplateColumns: 'max-content minmax(0, 1fr)', gap: '3px 12px', margin: 0, flex: 1, minWidth: 0 },
  label: { color: tokens.colorNeutralForeground3 },
  value: { margin: 0, overflowWrap: 'anywhere' },
  avatar: { '@media (max-width: 459px)': { display: 'none' } },
});
const shownAtFirst = 6;

export function People({ mail }: { mail: MessageDetail }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const from = mail.from[0];
  const different = (list: Address[]) => list.filter((who) => !mail.from.some((author) => author.address === who.address));
  return (
    <div className={styles.root}>
      <Avatar className={styles.avatar} name={shortName(from)} size={40} color="colorful" aria-hidden="true" />
      <dl className={styles.facts}>
        <Row label={t('message.from')} list={mail.from} strong />
        <Row label={t('message.sender')} list={different(mail.sender)} />
        <Row label={t('message.replyTo')} list={different(mail.reply_to)} />
        <Row label={t('message.to')} list={mail.to} />
        <Row label={t('message.cc')} list={mail.cc} />
        <Row label={t('message.bcc')} list={mail.bcc} />
        <dt className={styles.label}>{t('message.date')}</dt>
        <dd className={styles.value}>{formatTime(mail.date, language) || t('message.noDate')}</dd>
      </dl>
    </div>
  );
}

function Row({ label, list, strong = false }: { label: string; list: Address[]; strong?: boolean }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  if (list.length === 0) return null;
  const cut = !all && list.length > shownAtFirst + 2;
  const shown = cut ? list.slice(0, shownAtFirst) : list;
  return (
    <>
      <dt className={styles.label}>{label}</dt>
      <dd className={styles.value}>
        <Text weight={strong ? 'semibold' : 'regular'}>{shown.map(longName).join(', ')}</Text>
        {cut && <> <Link as="button" onClick={() => setAll(true)} aria-label={t('message.showMore')}>{t('search.andMore', { number: list.length - shownAtFirst })}</Link></>}
      </dd>
    </>
  );
}
