import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// Everything comes from the own origin and runs under a policy without inline scripts, so nothing is inlined.
export default defineConfig({
  plugins: [react()],
  base: './',
  build: {
    outDir: process.env['KOPIAL_WEB_OUT'] ?? 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 1200,
  },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
});
