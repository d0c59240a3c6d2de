// Profiles with their latest runs on the left, one run and its mailboxes, live, on the right.
import { Spinner, Subtitle1, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowSyncRegular, LockClosedRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { useProfiles } from '../api/queries';
import type { User } from '../api/types';
import { type Route, goBack } from '../route';
import { Notice } from '../shell/notice';
import { ProblemNotice } from '../shell/problem-notice';
import { useMedia, wide } from '../shell/theme';
import { ProfileCard } from './profile-card';
import { RunView } from './run-view';

const useStyles = makeStyles({
  page: { position: 'relative', flex: 1, minHeight: 0, display: 'flex' },
  list: { flex: 1, minWidth: 0, overflowY: 'auto', padding: '16px', display: 'flex', flexDirection: 'column', gap: '12px' },
  listWide: { flex: '0 0 clamp(320px, 32%, 440px)', borderRight: `1px solid ${tokens.colorNeutralStroke2}` },
  run: { flex: 1, minWidth: 0, display: 'flex', flexDirection: 'column', overflowY: 'auto', backgroundColor: tokens.colorNeutralBackground2 },
  over: { position: 'absolute', inset: 0, zIndex: 1 },
});

export function RunsPage({ route, user }: { route: Extract<Route, { page: 'runs' }>; user: User }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const isWide = useMedia(wide);
  const profiles = useProfiles(route.tenant);
  const mayStart = user.roles.includes('administrator');
  if (profiles.isPending) return <Spinner style={{ margin: 'auto' }} label={t('app.loading')} />;
  if (profiles.isError) {
    if (profiles.error instanceof Problem && profiles.error.status === 403) return <Notice icon={<LockClosedRegular />} title={t('problem.denied')} text={t('runs.denied')} />;
    return <ProblemNotice error={profiles.error} onRetry={() => void profiles.refetch()} />;
  }
  if (profiles.data.length === 0 && !route.run) return <Notice icon={<ArrowSyncRegular />} title={t('runs.noProfiles')} text={t('runs.noProfilesText')} />;
  return (
    <div className={styles.page}>
      <section className={mergeClasses(styles.list, isWide && styles.listWide)} aria-label={t('runs.profiles')} inert={!isWide && route.run !== null}>
        <Subtitle1 as="h1">{t('runs.profiles')}</Subtitle1>
        {profiles.data.map((profile) => <ProfileCard key={profile.id} tenant={route.tenant} profile={profile} mayStart={mayStart} shown={route.run} />)}
      </section>
      {route.run
        ? <section className={mergeClasses(styles.run, !isWide && styles.over)} aria-label={t('runs.run')}>
            <RunView key={route.run} tenant={route.tenant} id={route.run} mayCancel={mayStart} narrow={!isWide} onClose={() => goBack({ ...route, run: null })} />
          </section>
        : isWide && <div className={styles.run}><Notice icon={<ArrowSyncRegular />} title={t('runs.title')} text={t('runs.choose')} /></div>}
    </div>
  );
}
