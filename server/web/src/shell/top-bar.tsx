// Name, the two pages, and the person.
import { Avatar, Button, Caption1, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Subtitle2, Text, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowSyncRegular, SearchRegular, SignOutRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { useSignOut } from '../api/queries';
import type { User } from '../api/types';
import { type Route, formatRoute, home } from '../route';
import { LanguageMenu } from './language-menu';

const useStyles = makeStyles({
  bar: { display: 'flex', alignItems: 'center', gap: '4px', padding: '0 12px', height: '52px', flexShrink: 0, backgroundColor: tokens.colorNeutralBackground1, borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  skip: { position: 'absolute', left: '-9999px', ':focus': { left: '8px', top: '8px', zIndex: 10, backgroundColor: tokens.colorNeutralBackground1, padding: '8px' } },
  brand: { display: 'flex', alignItems: 'center', gap: '10px', textDecoration: 'none', color: tokens.colorNeutralForeground1, marginRight: '16px', '@media (max-width: 599px)': { marginRight: '4px' } },
  name: { '@media (max-width: 599px)': { display: 'none' } },
  nav: { display: 'flex', gap: '4px', flex: 1, height: '100%' },
  item: { display: 'flex', alignItems: 'center', gap: '6px', padding: '0 10px', textDecoration: 'none', color: tokens.colorNeutralForeground2, borderBottom: '2px solid transparent', borderTop: '2px solid transparent', ':hover': { color: tokens.colorNeutralForeground1, backgroundColor: tokens.colorNeutralBackground1Hover } },
  current: { color: tokens.colorNeutralForeground1, fontWeight: tokens.fontWeightSemibold, borderBottomColor: tokens.colorBrandStroke1 },
  tenant: { color: tokens.colorNeutralForeground3, '@media (max-width: 759px)': { display: 'none' } },
  person: { padding: '8px 12px', display: 'flex', flexDirection: 'column', gap: '2px', maxWidth: '260px', overflowWrap: 'anywhere' },
  quiet: { color: tokens.colorNeutralForeground3 },
});

export function TopBar({ session, page }: { session: { user: User; tenant: string | null }; page: Route['page'] | null }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const signOut = useSignOut();
  const { user, tenant } = session;
  const name = user.display_name || user.username;
  const item = (to: Route, label: string, icon: React.ReactNode) => (
    <a href={formatRoute(to)} className={mergeClasses(styles.item, page === to.page && styles.current)} aria-current={page === to.page ? 'page' : undefined}>
      {icon}{label}
    </a>
  );
  return (
    <header className={styles.bar}>
      <a href="#content" className={styles.skip} onClick={(event) => { event.preventDefault(); document.getElementById('content')?.focus(); }}>{t('app.skip')}</a>
      <a className={styles.brand} href={tenant ? formatRoute(home(tenant)) : '#/'} aria-label={t('app.name')}>
        <img src="./kopial.svg" alt="" width="28" height="28" />
        <Subtitle2 className={styles.name}>{t('app.name')}</Subtitle2>
      </a>
      <nav className={styles.nav}>
        {tenant && item(home(tenant), t('app.search'), <SearchRegular />)}
        {tenant && user.roles.includes('administrator') && item({ page: 'runs', tenant, run: null }, t('app.runs'), <ArrowSyncRegular />)}
      </nav>
      {tenant && <Text className={styles.tenant}>{tenant}</Text>}
      <LanguageMenu />
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Button appearance="subtle" shape="circular" aria-label={t('app.account', { name })} icon={<Avatar name={name} size={28} color="brand" />} />
        </MenuTrigger>
        <MenuPopover>
          <div className={styles.person}>
            <Text weight="semibold">{name}</Text>
            <Caption1 className={styles.quiet}>{tenant ? `${user.username} · ${tenant}` : user.username}</Caption1>
            <Caption1 className={styles.quiet}>{user.roles.map((role) => t(`role.${role}`)).join(', ')}</Caption1>
          </div>
          <MenuList><MenuItem icon={<SignOutRegular />} onClick={() => signOut.mutate()}>{t('app.signOut')}</MenuItem></MenuList>
        </MenuPopover>
      </Menu>
    </header>
  );
}
