// The question. Nothing is sent while typing: each search is an audit event, so it takes Enter.
import { Button, Input, Text, makeStyles, tokens } from '@fluentui/react-components';
import { DismissRegular, SearchRegular } from '@fluentui/react-icons';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { QueryHelp } from './query-help';
import { appendTerm, cutAtFault, queryFault } from './query-text';

const useStyles = makeStyles({
  row: { display: 'flex', gap: '8px', alignItems: 'center' },
  input: { flex: 1, minWidth: 0 },
  fault: { padding: '6px 10px', borderRadius: tokens.borderRadiusMedium, backgroundColor: tokens.colorStatusDangerBackground1, color: tokens.colorStatusDangerForeground1, display: 'flex', flexDirection: 'column', gap: '4px', overflowWrap: 'anywhere' },
  echo: { fontFamily: tokens.fontFamilyMonospace, whiteSpace: 'pre-wrap', color: tokens.colorNeutralForeground1 },
  wave: { textDecorationLine: 'underline', textDecorationStyle: 'wavy', textDecorationColor: tokens.colorPaletteRedForeground3, textDecorationThickness: '2px', textUnderlineOffset: '4px', textDecorationSkipInk: 'none', whiteSpace: 'pre' },
});

interface Props {
  draft: string;
  onDraft: (text: string) => void;
  onAsk: (text: string) => void;
  error: unknown;
  asked: string | null;
}

export function QueryField({ draft, onDraft, onAsk, error, asked }: Props) {
  const styles = useStyles();
  const { t } = useTranslation();
  const field = useRef<HTMLInputElement>(null);
  useSlashKey(() => field.current?.focus());
  const fault = error instanceof Problem && error.status === 400 ? queryFault(error.detail) : null;
  const [before, wrong, after] = cutAtFault(asked ?? '', fault?.column ?? 1);
  const clear = () => {
    onDraft('');
    field.current?.focus();
  };
  return (
    <>
      <form className={styles.row} onSubmit={(event) => { event.preventDefault(); onAsk(draft); }}>
        <Input
          className={styles.input} size="large" input={{ ref: field }} value={draft} onChange={(_, data) => onDraft(data.value)} type="text" enterKeyHint="search"
          aria-label={t('search.label')} placeholder={t('search.placeholder')} autoFocus={asked === null} spellCheck={false} autoCapitalize="none" autoComplete="off" maxLength={8192}
          aria-invalid={fault !== null} aria-describedby={fault ? 'query-fault' : undefined} contentBefore={<SearchRegular />}
          contentAfter={draft === '' ? null : <Button appearance="transparent" size="small" icon={<DismissRegular />} aria-label={t('search.clear')} onClick={clear} />}
        />
        <Button type="submit" appearance="primary" size="large" icon={<SearchRegular />} aria-label={t('search.submit')} />
        <QueryHelp onInsert={(term) => { onDraft(appendTerm(draft, term)); field.current?.focus(); }} />
      </form>
      {fault && (
        <div id="query-fault" className={styles.fault} role="alert">
          <Text weight="semibold">{t('search.faultTitle', { column: fault.column })}</Text>
          <Text className={styles.echo}>{before}<span className={styles.wave} data-testid="fault">{wrong}</span>{after}</Text>
          <Text>{fault.text}</Text>
        </div>
      )}
    </>
  );
}

// "/" goes to the search from wherever nothing is being typed.
function useSlashKey(act: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement | null;
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || target?.closest('input, textarea, select, [contenteditable]')) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  });
}
