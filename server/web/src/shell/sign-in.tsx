// Signing in, and turning a one-time code into a password. The address stays as it is, so that afterwards one is where one wanted to be.
import { Button, Card, Field, Input, Link, MessageBar, MessageBarBody, Spinner, Text, Title2, makeStyles, tokens } from '@fluentui/react-components';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { useSignIn } from '../api/queries';
import { LanguageMenu } from './language-menu';
import { ProblemNotice } from './problem-notice';

const keptTenant = 'kopial.tenant';
const useStyles = makeStyles({
  page: { flex: 1, overflow: 'auto', display: 'flex', flexDirection: 'column', alignItems: 'center', padding: '16px', gap: '16px' },
  card: { width: '100%', maxWidth: '380px', margin: 'auto', padding: '28px', boxSizing: 'border-box', gap: '16px', boxShadow: tokens.shadow8 },
  brand: { display: 'flex', alignItems: 'center', gap: '12px' },
  lead: { color: tokens.colorNeutralForeground2, display: 'block' },
  form: { display: 'flex', flexDirection: 'column', gap: '14px' },
});

export function SignIn({ wantedTenant }: { wantedTenant: string | null }) {
  const styles = useStyles();
  const { t } = useTranslation();
  const [redeeming, setRedeeming] = useState(false);
  const [tenant, setTenant] = useState(wantedTenant ?? localStorage.getItem(keptTenant) ?? '');
  const [username, setUsername] = useState('');
  const [secret, setSecret] = useState('');
  const [password, setPassword] = useState('');
  const [repeated, setRepeated] = useState('');
  const [tried, setTried] = useState(false);
  const signIn = useSignIn();
  const missing = (value: string) => (tried && value.trim() === '' ? t('signIn.required') : null);
  const differ = redeeming && password !== repeated;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (username.trim() === '' || secret === '' || (redeeming && password === '') || differ) return;
    localStorage.setItem(keptTenant, tenant.trim());
    const who = { ...(tenant.trim() ? { tenant: tenant.trim() } : {}), username: username.trim() };
    signIn.mutate(redeeming ? { ...who, code: secret.trim(), password } : { ...who, password: secret });
  };
  const switchForm = () => {
    setRedeeming(!redeeming);
    setSecret('');
    setTried(false);
    signIn.reset();
  };
  const refused = signIn.error instanceof Problem && (signIn.error.status === 401 || signIn.error.status === 403);

  return (
    <main className={styles.page}>
      <Card className={styles.card}>
        <div className={styles.brand}>
          <img src="./kopial.svg" alt="" width="44" height="44" />
          <div>
            <Title2 as="h1">{t(redeeming ? 'signIn.codeTitle' : 'app.name')}</Title2>
            <Text className={styles.lead}>{t(redeeming ? 'signIn.codeLead' : 'signIn.lead')}</Text>
          </div>
        </div>
        {signIn.session === 'expired' && !signIn.error && <MessageBar intent="info"><MessageBarBody>{t('signIn.expired')}</MessageBarBody></MessageBar>}
        {refused && <MessageBar intent="error" layout="multiline" role="alert"><MessageBarBody>{t(redeeming ? 'signIn.wrongCode' : 'signIn.wrong')}</MessageBarBody></MessageBar>}
        {signIn.error && !refused && <ProblemNotice error={signIn.error} />}
        <form className={styles.form} onSubmit={submit} noValidate aria-label={t('signIn.title')}>
          <Field label={t('signIn.tenant')} hint={t('signIn.tenantHint')}>
            <Input name="tenant" value={tenant} onChange={(_, data) => setTenant(data.value)} autoCapitalize="none" spellCheck={false} autoComplete="organization" autoFocus={tenant === ''} />
          </Field>
          <Field label={t('signIn.username')} validationMessage={missing(username)}>
            <Input name="username" value={username} onChange={(_, data) => setUsername(data.value)} autoCapitalize="none" spellCheck={false} autoComplete="username" autoFocus={tenant !== ''} />
          </Field>
          {redeeming ? (
            <>
              <Field label={t('signIn.code')} validationMessage={missing(secret)}>
                <Input name="code" value={secret} onChange={(_, data) => setSecret(data.value)} autoComplete="one-time-code" autoCapitalize="none" spellCheck={false} />
              </Field>
              <Field label={t('signIn.newPassword')} validationMessage={missing(password)}>
                <Input name="new-password" type="password" value={password} onChange={(_, data) => setPassword(data.value)} autoComplete="new-password" />
              </Field>
              <Field label={t('signIn.repeat')} validationMessage={tried && differ ? t('signIn.differ') : null}>
                <Input name="repeated" type="password" value={repeated} onChange={(_, data) => setRepeated(data.value)} autoComplete="new-password" />
              </Field>
            </>
          ) : (
            <Field label={t('signIn.password')} validationMessage={missing(secret)}>
              <Input name="password" type="password" value={secret} onChange={(_, data) => setSecret(data.value)} autoComplete="current-password" />
            </Field>
          )}
          <Button type="submit" appearance="primary" size="large" disabled={signIn.isPending} icon={signIn.isPending ? <Spinner size="tiny" /> : null}>
            {t(redeeming ? 'signIn.redeem' : 'signIn.submit')}
          </Button>
        </form>
        <Link as="button" onClick={switchForm}>{t(redeeming ? 'signIn.noCode' : 'signIn.haveCode')}</Link>
      </Card>
      <LanguageMenu />
    </main>
  );
}
