// The hits, as many as there are: only those in sight exist as elements, and more are fetched before the end is reached.
//
// Arrow keys move, Enter opens. Moving alone opens nothing, because opening somebody's mail is an audit event.
import { Spinner, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { AttachRegular } from '@fluentui/react-icons';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useArchiveName, type useSearch } from '../api/queries';
import type { Hit } from '../api/types';
import { formatBytes, formatMoment, formatShortTime, shortName } from '../format';
import { useLanguage } from '../i18n';
import type { Route } from '../route';
import { snippetParts } from './snippet';

export const rowHeight = 98;

const useStyles = makeStyles({
  scroll: { flex: 1, minHeight: 0, overflowY: 'auto', outline: 'none', ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` } },
  row: { position: 'absolute', left: 0, right: 0, height: `${rowHeight}px`, boxSizing: 'border-box', padding: '9px 16px 8px 13px', borderLeft: '3px solid transparent', borderBottom: `1px solid ${tokens.colorNeutralStroke3}`, cursor: 'pointer', display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) auto', gridTemplateRows: '20px 20px 32px', columnGap: '8px', alignContent: 'center', ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover } },
  active: { backgroundColor: tokens.colorNeutralBackground1Hover, borderLeftColor: tokens.colorNeutralStrokeAccessible },
  open: { backgroundColor: tokens.colorBrandBackground2, borderLeftColor: tokens.colorBrandStroke1, ':hover': { backgroundColor: tokens.colorBrandBackground2Hover } },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  who: { fontWeight: tokens.fontWeightSemibold },
  to: { fontWeight: tokens.fontWeightRegular, color: tokens.colorNeutralForeground3 },
  side: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, display: 'flex', alignItems: 'center', gap: '4px', justifyContent: 'flex-end', whiteSpace: 'nowrap' },
  subject: { color: tokens.colorNeutralForeground1 },
  snippet: { gridColumn: '1 / -1', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, lineHeight: '16px', overflow: 'hidden', display: '-webkit-box', WebkitLineClamp: 2, WebkitBoxOrient: 'vertical', overflowWrap: 'anywhere' },
  more: { position: 'absolute', left: 0, right: 0, display: 'flex', justifyContent: 'center', padding: '12px', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

interface Props {
  items: Hit[];
  route: Extract<Route, { page: 'search' }>;
  search: ReturnType<typeof useSearch>;
  onOpen: (message: string) => void;
}

export function ResultList({ items, route, search, onOpen }: Props) {
  const styles = useStyles();
  const { t } = useTranslation();
  const scroll = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(() => Math.max(0, items.findIndex((item) => item.message_id === route.message)));
  const rows = useVirtualizer({ count: items.length, getScrollElement: () => scroll.current, estimateSize: () => rowHeight, overscan: 8, paddingEnd: 44 });
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = search;

  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isFetchNextPageError && last >= items.length - 20) void fetchNextPage();
  }, [last, items.length, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage]);
  useEffect(() => {
    setActive(Math.max(0, items.findIndex((item) => item.message_id === route.message)));
    scroll.current?.scrollTo({ top: 0 });
    // A new question begins at its first answer.
  }, [route.q, route.sort]);

  const move = (to: number) => {
    const index = Math.min(Math.max(to, 0), items.length - 1);
    setActive(index);
    rows.scrollToIndex(index);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((scroll.current?.clientHeight ?? rowHeight) / rowHeight) - 1);
    const steps: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: items.length - 1 };
    const hit = items[active];
    if (event.key in steps) move(steps[event.key] ?? 0);
    else if ((event.key === 'Enter' || event.key === ' ') && hit) onOpen(hit.message_id);
    else return;
    event.preventDefault();
  };
  return (
    <div ref={scroll} className={styles.scroll} role="listbox" tabIndex={0} aria-label={t('search.results')} aria-activedescendant={`hit-${active}`} onKeyDown={onKeyDown}>
      <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
        {visible.map((row) => {
          const hit = items[row.index];
          return hit && (
            <div key={hit.message_id} id={`hit-${row.index}`} role="option" aria-selected={hit.message_id === route.message} aria-posinset={row.index + 1}
              aria-setsize={hasNextPage ? -1 : items.length} style={{ top: row.start }}
              className={mergeClasses(styles.row, row.index === active && styles.active, hit.message_id === route.message && styles.open)}
              onClick={() => { setActive(row.index); onOpen(hit.message_id); }}>
              <Row hit={hit} tenant={route.tenant} />
            </div>
          );
        })}
        <div className={styles.more} style={{ bottom: 0 }}>{isFetchingNextPage ? <Spinner size="extra-tiny" label={t('search.more')} /> : !hasNextPage && t('search.end')}</div>
      </div>
    </div>
  );
}

const Row = memo(function Row({ hit, tenant }: { hit: Hit; tenant: string }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const language = useLanguage();
  const archiveName = useArchiveName(tenant);
  const names = hit.to.slice(0, 2).map(shortName).join(', ');
  const rest = hit.to.length > 2 ? ` ${t('search.andMore', { number: hit.to.length - 2 })}` : '';
  const place = [hit.archives[0] && archiveName(hit.archives[0]), hit.folder].filter(Boolean).join(' / ');
  return (
    <>
      <span className={mergeClasses(styles.cut, styles.who)}>
        {shortName(hit.from) || t('search.noSender')}
        {names && <span className={styles.to}> {t('search.to', { names })}{rest}</span>}
      </span>
      <span className={styles.side}><time dateTime={hit.date ?? undefined} title={formatMoment(hit.date, language)}>{formatShortTime(hit.date ?? hit.received, language)}</time></span>
      <span className={mergeClasses(styles.cut, styles.subject)}>{hit.subject || t('search.noSubject')}</span>
      <span className={styles.side}>
        {hit.has_attachments && <AttachRegular aria-label={t('search.hasAttachment')} />}
        <span>{formatBytes(hit.size, language)}</span>
      </span>
      <span className={styles.snippet} title={place}>
        {hit.snippet ? snippetParts(hit.snippet).map((part, index) => (part.marked ? <mark key={index}>{part.text}</mark> : part.text)) : place}
      </span>
    </>
  );
});
