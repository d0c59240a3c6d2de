// The exact bytes, as each mailbox held them.
import { Button, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Spinner } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { useDownload } from '../api/queries';
import type { MessageDetail } from '../api/types';
import { ProblemNotice } from '../shell/problem-notice';

export function Originals({ tenant, message }: { tenant: string; message: MessageDetail }) {
  const { t } = useTranslation();
  const save = useDownload('/api/v1/tenants/{t}/messages/{m}/copies/{c}/raw');
  const [only, ...others] = message.copy_ids;
  const take = (copy: string) => save.mutate({ filename: `${copy}.eml`, path: { t: tenant, m: message.message_id, c: copy } });
  const icon = save.isPending ? <Spinner size="tiny" /> : <ArrowDownloadRegular />;
  if (!only) return null;
  return (
    <>
      {save.isError && <ProblemNotice error={save.error} />}
      {others.length === 0 ? <Button appearance="subtle" icon={icon} disabled={save.isPending} onClick={() => take(only)}>{t('message.raw')}</Button> : (
        <Menu>
          <MenuTrigger disableButtonEnhancement><Button appearance="subtle" icon={icon} disabled={save.isPending}>{t('message.rawCopies', { count: message.copy_ids.length })}</Button></MenuTrigger>
          <MenuPopover>
            <MenuList>
              {message.copy_ids.map((copy) => <MenuItem key={copy} title={copy} onClick={() => take(copy)}>{t('message.copy', { id: `${copy.slice(0, 12)}…` })}</MenuItem>)}
            </MenuList>
          </MenuPopover>
        </Menu>
      )}
    </>
  );
}
