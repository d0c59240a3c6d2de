// Fluent's themes in the ink of a register, light and dark by what the system prefers.
import { type BrandVariants, createDarkTheme, createLightTheme, type Theme } from '@fluentui/react-components';
import { useSyncExternalStore } from 'react';

const ink: BrandVariants = {
  10: '#02060a', 20: '#0c1c24', 30: '#0f2e3a', 40: '#113a49', 50: '#144757', 60: '#175367', 70: '#195f76', 80: '#1d6b85',
  90: '#347b94', 100: '#4b8ba3', 110: '#629bb1', 120: '#79abbf', 130: '#91bbcd', 140: '#aaccda', 150: '#c4dde7', 160: '#dfedf3',
};

const font = '"Segoe UI", "Segoe UI Web (West European)", -apple-system, "Noto Sans", Roboto, system-ui, sans-serif';
const light: Theme = { ...createLightTheme(ink), fontFamilyBase: font };
const dark: Theme = { ...createDarkTheme(ink), fontFamilyBase: font, colorBrandForeground1: ink[120], colorBrandForeground2: ink[130], colorBrandForegroundLink: ink[130] };

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = window.matchMedia(query);
      list.addEventListener('change', changed);
      return () => list.removeEventListener('change', changed);
    },
    () => window.matchMedia(query).matches,
  );
}

export const useTheme = () => (useMedia('(prefers-color-scheme: dark)') ? dark : light);
// Below it there is room for one thing: the list or the message.
export const wide = '(min-width: 960px)';
