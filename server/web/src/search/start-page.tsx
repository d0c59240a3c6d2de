// Before the first question.
import { Button, makeStyles } from '@fluentui/react-components';
import { useTranslation } from 'react-i18next';
import { SearchRegular } from '@fluentui/react-icons';
import type { User } from '../api/types';
import { Notice } from '../shell/notice';
import { readsOthers } from './access';

const useStyles = makeStyles({ row: { display: 'flex', flexWrap: 'wrap', gap: '8px', justifyContent: 'center' } });

export function StartPage({ user, onAsk }: { user: User; onAsk: (q: string) => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const year = new Date().getFullYear();
  return (
    <Notice icon={<SearchRegular />} title={t('search.startTitle')} text={t(readsOthers(user) ? 'search.startText' : 'search.startOwn')}>
      <div className={styles.row}>
        <Button appearance="primary" onClick={() => onAsk('')}>{t('search.showAll')}</Button>
        {[`date:${year}`, 'has:attachment', 'size:>1MB'].map((example) => <Button key={example} onClick={() => onAsk(example)}>{example}</Button>)}
      </div>
    </Notice>
  );
}
