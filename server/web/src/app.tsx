// The frame: who is signed in decides what there is to see, the address decides which of it.
import { FluentProvider, makeStyles, tokens } from '@fluentui/react-components';
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from './api/queries';
import { formatRoute, home, navigate, parseRoute, useHash } from './route';
import { RunsPage } from './runs/runs-page';
import { SearchPage } from './search/search-page';
import { Notice } from './shell/notice';
import { ProblemNotice } from './shell/problem-notice';
import { SignIn } from './shell/sign-in';
import { useTheme } from './shell/theme';
import { TopBar } from './shell/top-bar';

const useStyles = makeStyles({
  root: { height: '100dvh', display: 'flex', flexDirection: 'column', backgroundColor: tokens.colorNeutralBackground2, overflow: 'hidden' },
  main: { flex: 1, minHeight: 0, display: 'flex', flexDirection: 'column', outline: 'none' },
});

export function App({ client }: { client: QueryClient }) {
  const theme = useTheme();
  return (
    <FluentProvider theme={theme}>
      <QueryClientProvider client={client}>
        <Window />
      </QueryClientProvider>
    </FluentProvider>
  );
}

function Window() {
  const styles = useStyles();
  const { t } = useTranslation();
  const session = useSession();
  const hash = useHash();
  const route = parseRoute(hash);
  const tenant = session.data?.tenant?.slug;

  useEffect(() => {
    if (tenant && (hash === '' || hash === '#' || hash === '#/')) navigate(home(tenant), true);
  }, [tenant, hash]);

  if (session.isPending) return <div className={styles.root} aria-busy="true" aria-label={t('app.loading')} />;
  if (session.isError) return <div className={styles.root}><ProblemNotice error={session.error} onRetry={() => void session.refetch()} /></div>;
  if (!session.data) return <div className={styles.root}><SignIn wantedTenant={route?.tenant ?? null} /></div>;
  const { user } = session.data;
  const signedIn = { user, tenant: tenant ?? null };
  return (
    <div className={styles.root}>
      <TopBar session={signedIn} page={route?.page ?? null} />
      <main id="content" tabIndex={-1} className={styles.main}>
        {!tenant ? <Notice title={t('app.systemTitle')} text={t('app.systemText')} />
          : !route ? hash.length > 2 && <Notice title={t('app.badLink')} action={{ label: t('app.goHome'), href: formatRoute(home(tenant)) }} />
          : route.tenant !== tenant
            ? <Notice title={t('app.foreignLink', { tenant: route.tenant, own: tenant })} action={{ label: t('app.goHome'), href: formatRoute(home(tenant)) }} />
          : route.page === 'runs' ? <RunsPage route={route} user={user} />
          : <SearchPage route={route} user={user} />}
      </main>
    </div>
  );
}
