import { createRoot } from 'react-dom/client';
import { makeQueryClient } from './api/queries';
import { App } from './app';
import { startTranslations } from './i18n';
import './page.css';

await startTranslations();
const root = document.getElementById('root');
if (root) createRoot(root).render(<App client={makeQueryClient()} />);
