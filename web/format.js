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
