import { Badge, type BadgeProps } from '@fluentui/react-components';
import { useTranslation } from 'react-i18next';

const colors: Record<string, NonNullable<BadgeProps['color']>> = {
  running: 'brand', queued: 'informative', waiting: 'informative', succeeded: 'success', done: 'success', succeeded_with_findings: 'warning', failed: 'danger', cancelled: 'subtle', interrupted: 'warning', skipped: 'informative', paused: 'warning', blocked: 'informative',
};

// State in a word and a colour, never in the colour alone.
export function StateBadge({ state }: { state: string }) {
  const { t, i18n } = useTranslation();
  const key = `runs.states.${state}`;
  return <Badge appearance="tint" color={colors[state] ?? 'informative'}>{i18n.exists(key) ? t(key as 'runs.states.running') : state}</Badge>;
}
