// Numbers, sizes and times as the chosen language writes them. Pure.

export const formatCount = (value: number, language: string) => new Intl.NumberFormat(language).format(value);

// Bytes in steps of 1024, with at most three digits that matter.
export function formatBytes(bytes: number, language: string): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
}

// In a list: the time today, day and month this year, else the whole date.
export function formatShortTime(time: string | null | undefined, language: string, now = new Date()): string {
  const date = parse(time);
  if (!date) return '';
  const sameDay = date.toDateString() === now.toDateString();
  if (sameDay) return new Intl.DateTimeFormat(language, { timeStyle: 'short' }).format(date);
  if (date.getFullYear() === now.getFullYear()) return new Intl.DateTimeFormat(language, { day: 'numeric', month: 'short' }).format(date);
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(date);
}

export function formatTime(time: string | null | undefined, language: string): string {
  const date = parse(time);
  return date ? new Intl.DateTimeFormat(language, { dateStyle: 'full', timeStyle: 'short' }).format(date) : '';
}

export function formatMoment(time: string | null | undefined, language: string): string {
  const date = parse(time);
  return date ? new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' }).format(date) : '';
}

// "1:02:03" or "2:03": how long something took, or will.
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// "300s" of a schedule as "5 minutes", in the largest unit that divides it; what is no duration stays as it is.
export function formatInterval(text: string, language: string): string {
  const parts = /^(\d+)([smhd])$/u.exec(text);
  if (!parts) return text;
  const unit = parts[2] as keyof typeof secondsOf;
  const seconds = Number(parts[1]) * secondsOf[unit];
  const [name, size] = units.find(([, one]) => seconds > 0 && seconds % one === 0) ?? units[units.length - 1]!;
  return new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'long' }).format(seconds / size);
}
const secondsOf = { s: 1, m: 60, h: 3600, d: 86400 };
const units = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]] as const;

function parse(time: string | null | undefined): Date | null {
  if (!time) return null;
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? null : date;
}

export interface Address {
  name: string;
  address: string;
}

export const shortName = (who: Address | null | undefined) => who?.name || who?.address || '';
export const longName = (who: Address) => (who.name && who.name !== who.address ? `${who.name} <${who.address}>` : who.address);
