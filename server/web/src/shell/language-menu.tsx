import { Button, Menu, MenuItemRadio, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { LocalLanguageRegular } from '@fluentui/react-icons';
import { useTranslation } from 'react-i18next';
import { type Language, setLanguage } from '../i18n';

export function LanguageMenu() {
  const { t, i18n } = useTranslation();
  return (
    <Menu checkedValues={{ language: [i18n.language] }} onCheckedValueChange={(_, data) => void setLanguage(data.checkedItems[0] as Language)}>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" icon={<LocalLanguageRegular />} aria-label={t('app.language')}>{i18n.language.toUpperCase()}</Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItemRadio name="language" value="de" lang="de">{t('app.german')}</MenuItemRadio>
          <MenuItemRadio name="language" value="en" lang="en">{t('app.english')}</MenuItemRadio>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
