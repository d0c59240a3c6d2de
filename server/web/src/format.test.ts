import { expect, it } from 'vitest';
import { formatInterval } from './format';

it('says an interval in the unit people use', () => {
  expect(formatInterval('300s', 'en')).toBe('5 minutes');
  expect(formatInterval('90s', 'en')).toBe('90 seconds');
  expect(formatInterval('120m', 'de')).toBe('2 Stunden');
  expect(formatInterval('1d', 'en')).toBe('1 day');
  expect(formatInterval('0s', 'en')).toBe('0 seconds');
  expect(formatInterval('now and then', 'en')).toBe('now and then');
});
