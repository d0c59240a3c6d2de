// Filters write themselves into the query's text and read themselves out of it; there is no second, hidden question.
import { Dropdown, Input, Option, ToggleButton, makeStyles, tokens } from '@fluentui/react-components';
import { AttachRegular, FilterRegular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useArchives, useFolders } from '../api/queries';
import type { Archive } from '../api/types';
import { type Sort, sorts } from '../route';
import { useMedia } from '../shell/theme';
import { type FilterName, readFilters, writeFilter } from './query-text';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', gap: '8px 12px', alignItems: 'end' },
  field: { display: 'flex', alignItems: 'center', gap: '6px', color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
  date: { width: '150px' },
  pick: { minWidth: '120px', width: '210px' },
  sort: { marginLeft: 'auto', minWidth: '120px', width: '190px' },
  phone: { display: 'flex', gap: '8px', justifyContent: 'space-between' },
});

// How the query names an archive: by its first address, which people know and which is never ambiguous; else by its id.
const nameInQuery = (archive: Archive) => archive.addresses[0] ?? archive.id;
const titleOf = (archive: Archive) => archive.display_name || nameInQuery(archive);

export function FilterBar({ tenant, draft, sort, onAsk }: { tenant: string; draft: string; sort: Sort; onAsk: (q: string, sort?: Sort) => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const roomy = useMedia('(min-width: 720px)');
  const [shown, setShown] = useState(false);
  const filters = readFilters(draft);
  const archives = useArchives(tenant).data ?? [];
  const chosen = archives.find((archive) => [archive.id, archive.display_name, ...archive.addresses].some((name) => name.toLowerCase() === filters.archive?.toLowerCase()));
  const folders = useFolders(tenant, chosen?.id ?? null).data ?? [];
  const set = (name: FilterName, value: string) => onAsk(writeFilter(draft, name, value));
  const count = Object.keys(filters).length;

  const order = (
    <Dropdown className={styles.sort} aria-label={t('search.sort')} value={t(`search.sorts.${sort}`)} selectedOptions={[sort]}
      onOptionSelect={(_, data) => onAsk(draft, data.optionValue as Sort)}>
      {sorts.map((name) => <Option key={name} value={name}>{t(`search.sorts.${name}`)}</Option>)}
    </Dropdown>
  );
  const toggle = (
    <ToggleButton icon={<FilterRegular />} checked={shown} onClick={() => setShown(!shown)} aria-expanded={shown}>
      {count > 0 ? `${t('search.filters')} (${count})` : t('search.filters')}
    </ToggleButton>
  );
  return (
    <>
      {!roomy && <div className={styles.phone}>{toggle}{order}</div>}
      {(roomy || shown) && (
        <div className={styles.bar} role="group" aria-label={t('search.filters')}>
          <DateFilter label={t('search.from')} value={filters.after ?? ''} onChange={(value) => set('after', value)} />
          <DateFilter label={t('search.until')} value={filters.before ?? ''} onChange={(value) => set('before', value)} />
          {archives.length > 1 && (
            <Dropdown className={styles.pick} aria-label={t('search.archive')} value={chosen ? titleOf(chosen) : filters.archive ?? t('search.anyArchive')}
              selectedOptions={[chosen ? nameInQuery(chosen) : '']} onOptionSelect={(_, data) => set('archive', data.optionValue ?? '')}>
              <Option value="">{t('search.anyArchive')}</Option>
              {archives.map((archive) => <Option key={archive.id} value={nameInQuery(archive)} text={titleOf(archive)}>{titleOf(archive)}</Option>)}
            </Dropdown>
          )}
          {chosen && folders.length > 0
            ? <Dropdown className={styles.pick} aria-label={t('search.folder')} value={filters.folder ?? t('search.anyFolder')}
                selectedOptions={[filters.folder ?? '']} onOptionSelect={(_, data) => set('folder', data.optionValue ?? '')}>
                <Option value="">{t('search.anyFolder')}</Option>
                {folders.map((folder) => <Option key={folder} value={folder}>{folder}</Option>)}
              </Dropdown>
            : <TextFilter label={t('search.folder')} value={filters.folder ?? ''} onChange={(value) => set('folder', value)} />}
          <ToggleButton icon={<AttachRegular />} checked={filters.attachment !== undefined} onClick={() => set('attachment', filters.attachment ? '' : 'yes')}>
            {t('search.attachment')}
          </ToggleButton>
          {roomy && order}
        </div>
      )}
    </>
  );
}

// A day is asked for when it is whole: browsers report every step of typing a year.
function DateFilter({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const styles = useStyles();
  const isDay = (text: string) => /^(19|20|21)\d\d-\d\d-\d\d$/u.test(text);
  const [typed, setTyped] = useState<string | null>(null);
  const commit = (text: string) => {
    setTyped(null);
    if (text !== value && (text === '' || isDay(text))) onChange(text);
  };
  return (
    <label className={styles.field}>
      {label}
      <Input type="date" className={styles.date} value={typed ?? (isDay(value) ? value : '')} onChange={(_, data) => setTyped(data.value)}
        onBlur={() => typed !== null && commit(typed)} onKeyDown={(event) => event.key === 'Enter' && typed !== null && commit(typed)} />
    </label>
  );
}

function TextFilter({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const styles = useStyles();
  const [typed, setTyped] = useState<string | null>(null);
  const commit = () => {
    if (typed !== null && typed.trim() !== value) onChange(typed.trim());
    setTyped(null);
  };
  return (
    <label className={styles.field}>
      {label}
      <Input className={styles.date} value={typed ?? value} onChange={(_, data) => setTyped(data.value)} onBlur={commit} onKeyDown={(event) => event.key === 'Enter' && commit()} />
    </label>
  );
}
