// All headers as they came, and every place the message lies in that the person may see.
import { Text, makeStyles, tokens } from '@fluentui/react-components';
import { useTranslation } from 'react-i18next';
import { useArchiveName } from '../api/queries';
import type { MessageDetail } from '../api/types';
import { formatBytes, formatMoment } from '../format';
import { useLanguage } from '../i18n';

const useStyles = makeStyles({
  scroll: { overflowX: 'auto', padding: '8px 12px 16px' },
  table: { borderCollapse: 'collapse', width: '100%', fontSize: tokens.fontSizeBase200, '& th, & td': { textAlign: 'left', verticalAlign: 'top', padding: '6px 10px', borderBottom: `1px solid ${tokens.colorNeutralStroke3}` }, '& th': { fontWeight: tokens.fontWeightSemibold, whiteSpace: 'nowrap' } },
  value: { fontFamily: tokens.fontFamilyMonospace, overflowWrap: 'anywhere', whiteSpace: 'pre-wrap', minWidth: '200px' },
  note: { padding: '12px 22px 0', color: tokens.colorNeutralForeground2 },
});

export function HeaderTable({ headers }: { headers: MessageDetail['headers'] }) {
  const styles = useStyles();
  const { t } = useTranslation();
  return (
    <div className={styles.scroll}>
      <table className={styles.table}>
        <thead><tr><th scope="col">{t('message.headerName')}</th><th scope="col">{t('message.headerValue')}</th></tr></thead>
        <tbody>{headers.map(({ name, value }, index) => <tr key={index}><th scope="row">{name}</th><td className={styles.value}>{value}</td></tr>)}</tbody>
      </table>
    </div>
  );
}

export function PlaceTable({ tenant, mail }: { tenant: string; mail: MessageDetail }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const archiveName = useArchiveName(tenant);
  const facts = [formatBytes(mail.size, language), t('message.copies', { count: mail.copy_ids.length }), t('message.archivedAt', { time: formatMoment(mail.archived_at, language) })];
  return (
    <>
      <Text className={styles.note}>{facts.join(' · ')}</Text>
      <div className={styles.scroll}>
        <table className={styles.table}>
          <thead><tr>{(['placeArchive', 'placeFolder', 'placeReceived', 'placeState'] as const).map((name) => <th key={name} scope="col">{t(`message.${name}`)}</th>)}</tr></thead>
          <tbody>
            {mail.placements.map((place, index) => (
              <tr key={index}>
                <td>{archiveName(place.archive)}</td>
                <td>{place.folder}</td>
                <td>{formatMoment(place.received, language)}</td>
                <td>{place.vanished_at ? t('message.vanished', { time: formatMoment(place.vanished_at, language) }) : t('message.stillThere')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
