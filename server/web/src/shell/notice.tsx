// A quiet full-height word: nothing here, and why.
import { Button, Subtitle2, Text, makeStyles, tokens } from '@fluentui/react-components';
import type { ReactNode } from 'react';

const useStyles = makeStyles({
  root: { margin: 'auto', padding: '32px 24px', maxWidth: '520px', display: 'flex', flexDirection: 'column', gap: '12px', alignItems: 'center', textAlign: 'center' },
  icon: { fontSize: '40px', color: tokens.colorNeutralForeground4, lineHeight: 1 },
  text: { color: tokens.colorNeutralForeground2 },
});

export interface NoticeAction {
  label: string;
  href?: string;
  onClick?: () => void;
}

export function Notice({ title, text, icon, action, children }: { title: string; text?: string; icon?: ReactNode; action?: NoticeAction; children?: ReactNode }) {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      {icon && <span className={styles.icon} aria-hidden="true">{icon}</span>}
      <Subtitle2 as="h2" block>{title}</Subtitle2>
      {text && <Text className={styles.text}>{text}</Text>}
      {children}
      {action && (action.href ? <Button as="a" href={action.href}>{action.label}</Button> : <Button {...(action.onClick ? { onClick: action.onClick } : {})}>{action.label}</Button>)}
    </div>
  );
}
