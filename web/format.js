// How values read on the page.

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const units = [['day', 86_400], ['hour', 3_600], ['minute', 60]];

/** A `<time>`'s text: "5 minutes ago" within a week, the date after that. */
export function when(timestamp) {
  const seconds = (Date.parse(timestamp) - Date.now()) / 1000;
  if (Number.isNaN(seconds)) return '';
  if (Math.abs(seconds) > 7 * 86_400) return dates.format(new Date(timestamp));
  for (const [unit, size] of units) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return 'just now';
}

export function exactly(timestamp) {
  const time = Date.parse(timestamp);
  return Number.isNaN(time) ? '' : dates.format(time);
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

/** The pages that a passage lies on: "p. 3" or "pp. 3–4"; nothing for formats without pages. */
export function pages({ startPage, endPage }) {
  if (!startPage) return '';
  return endPage > startPage ? `pp. ${startPage}–${endPage}` : `p. ${startPage}`;
}

export function bytes(number) {
  if (number < 1024) return count(number, 'byte');
  const [value, unit] = number < 1024 * 1024 ? [number / 1024, 'KB'] : [number / 1024 / 1024, 'MB'];
  return `${value.toLocaleString(undefined, { maximumFractionDigits: 1 })} ${unit}`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dayAndClock = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A time as of now: "at 14:05", or "on 1 Dec 2026, 01:00" on another day. */
export function clockTime(milliseconds, now = Date.now()) {
  const [time, today] = [new Date(milliseconds), new Date(now)];
  return time.toDateString() === today.toDateString() ? `at ${clock.format(time)}` : `on ${dayAndClock.format(time)}`;
}

/** How long: "12 seconds", "5 minutes", "3 hours", "2 days", rounded up so that it is never over too soon. */
export function duration(milliseconds) {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 120) return count(seconds, 'second');
  if (seconds <= 7200) return count(Math.ceil(seconds / 60), 'minute');
  if (seconds <= 172_800) return count(Math.ceil(seconds / 3600), 'hour');
  return count(Math.ceil(seconds / 86_400), 'day');
}

const days = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const wholeDays = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });
const months = new Intl.DateTimeFormat(undefined, { month: 'short', year: 'numeric', timeZone: 'UTC' });

/** A day of UTC, as the server counts them: "28 Nov"; of a month such as "2026-11", "Nov 2026". */
export function dayName(day) {
  return day.length === 7 ? months.format(Date.parse(`${day}-01`)) : days.format(Date.parse(day));
}

/** The day of UTC of a time, with its year. */
export function utcDay(timestamp) {
  return wholeDays.format(Date.parse(timestamp));
}

/** An amount in millionths of a currency: "USD 12.50". */
export function money(micros, currency) {
  return `${currency}\u00a0${plainMoney(micros)}`;
}

/** The same without the currency, with more places the less it is: "12.50", "0.0315", "0.000012". */
export function plainMoney(micros) {
  const size = Math.abs(micros);
  const small = size >= 10_000 ? 4 : 6;
  const places = size >= 1_000_000 || micros % 10_000 === 0 ? 2 : small;
  return (micros / 1_000_000).toLocaleString(undefined, {
    minimumFractionDigits: places === 4 ? 4 : 2, maximumFractionDigits: places,
  });
}

/** The millionths of an amount that somebody has typed, as text, exactly; null for what is no amount. */
export function microsOf(text) {
  const [, whole, places = ''] = /^\s*(\d{1,10})(?:[.,](\d{1,6}))?\s*$/.exec(text) ?? [];
  return whole === undefined ? null : BigInt(whole + places.padEnd(6, '0')).toString();
}

/** Millionths as an amount that can be typed: "12.5". */
export function amountText(micros) {
  return (micros / 1_000_000).toFixed(6).replace(/\.?0+$/, '');
}
