// German and English; the browser's language until the person chooses one.
import i18next from 'i18next';
import { initReactI18next, useTranslation } from 'react-i18next';
import de from './locales/de.json';
import en from './locales/en.json';

export const languages = ['de', 'en'] as const;
export type Language = (typeof languages)[number];
const kept = 'kopial.language';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

export function chooseLanguage(stored: string | null, wanted: readonly string[]): Language {
  for (const name of [stored ?? '', ...wanted]) {
    const known = languages.find((language) => name.toLowerCase().split('-')[0] === language);
    if (known) return known;
  }
  return 'en';
}

export async function startTranslations(): Promise<void> {
  i18next.on('languageChanged', (language) => {
    document.documentElement.lang = language;
  });
  await i18next.use(initReactI18next).init({
    resources: { de: { translation: de }, en: { translation: en } },
    lng: chooseLanguage(localStorage.getItem(kept), navigator.languages),
    fallbackLng: 'en',
    interpolation: { escapeValue: false },  // React escapes.
  });
}

export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(kept, language);
  await i18next.changeLanguage(language);
}

// For Intl: the browser's own variety of the chosen language where it has one (de-CH), for its dates and separators.
export function useLanguage(): string {
  const { i18n } = useTranslation();
  return navigator.languages.find((name) => name.toLowerCase().startsWith(i18n.language)) ?? i18n.language;
}
