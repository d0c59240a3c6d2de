// The exact total, and how far it can be trusted: what was looked into, what only partly, what is waiting.
import { Button, Link, Popover, PopoverSurface, PopoverTrigger, Subtitle2, Text, makeStyles, tokens } from '@fluentui/react-components';
import { CheckmarkCircleRegular, InfoRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import type { Coverage } from '../api/types';
import { formatCount } from '../format';
import { useLanguage } from '../i18n';

const useStyles = makeStyles({
  line: { display: 'flex', alignItems: 'center', gap: '4px', minHeight: '36px', padding: '0 8px 0 16px', borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200, flexShrink: 0 },
  text: { flex: 1, minWidth: 0, padding: '6px 0' },
  total: { fontWeight: tokens.fontWeightSemibold, color: tokens.colorNeutralForeground1 },
  gap: { color: tokens.colorStatusWarningForeground3 },
  surface: { maxWidth: 'min(400px, calc(100vw - 32px))', boxSizing: 'border-box', display: 'flex', flexDirection: 'column', gap: '8px' },
  facts: { display: 'grid', gridTemplateColumns: '1fr max-content', gap: '4px 16px', margin: 0 },
  number: { margin: 0, textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
});

export function CoverageLine({ total, coverage, tookMs, onPartial }: { total: number; coverage: Coverage; tookMs: number; onPartial: () => void }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const number = (value: number) => formatCount(value, language);
  const gaps = [
    coverage.partial > 0 && t('search.partly', { number: number(coverage.partial) }),
    coverage.pending > 0 && t('search.waiting', { number: number(coverage.pending) }),
    coverage.encrypted > 0 && t('search.encrypted', { number: number(coverage.encrypted) }),
  ].filter((text) => text !== false);
  const facts = [
    ['search.coverageScope', coverage.in_scope], ['search.coverageIndexed', coverage.indexed], ['search.coveragePartial', coverage.partial],
    ['search.coveragePending', coverage.pending], ['search.coverageEncrypted', coverage.encrypted],
  ] as const;
  return (
    <div className={styles.line}>
      <span className={styles.text} role="status" aria-live="polite" data-testid="coverage">
        <span className={styles.total}>{t('search.found', { count: total, number: number(total) })}</span>
        {' · '}
        {t('search.lookedInto', { indexed: number(coverage.indexed), inScope: number(coverage.in_scope) })}
        {gaps.length > 0 && <span className={styles.gap}>, {gaps.join(', ')}</span>}
      </span>
      <Popover withArrow positioning="below-end" trapFocus>
        <PopoverTrigger disableButtonEnhancement>
          <Button appearance="subtle" size="small" aria-label={t('search.coverageTitle')}
            icon={gaps.length > 0 ? <InfoRegular className={styles.gap} /> : <CheckmarkCircleRegular />} />
        </PopoverTrigger>
        <PopoverSurface className={styles.surface} aria-label={t('search.coverageTitle')}>
          <Subtitle2 as="h2" block>{t('search.coverageTitle')}</Subtitle2>
          <Text>{t(gaps.length > 0 ? 'search.coverageGaps' : 'search.coverageComplete')}</Text>
          <dl className={styles.facts}>
            {facts.filter(([, value], index) => index < 2 || value > 0).map(([name, value]) => [<dt key={name}>{t(name)}</dt>, <dd key={`${name}.n`} className={styles.number}>{number(value)}</dd>])}
          </dl>
          {coverage.partial > 0 && <Link as="button" onClick={onPartial}>{t('search.showPartial')}</Link>}
          <Text size={200}>{t('search.took', { ms: number(tookMs) })}</Text>
        </PopoverSurface>
      </Popover>
    </div>
  );
}
