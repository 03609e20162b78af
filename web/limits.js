// What it means that a call was not admitted: which limit is used up, and when there is room again.

// The limits by their names in the server's messages (docs/metering.md).
const titles = {
  requestsPerMinute: 'Too many requests in a short time',
  concurrentStreams: 'Too many answers at once',
  tokensPerDay: 'The tokens of today are used up',
  firstDayRequests: 'The requests of the first day are used up',
  budget: 'The budget of this month is used up',
};
const names = new RegExp(` \\((${Object.keys(titles).join('|')})\\)`);
// The end of such a message says when to try again, as of the moment at which it was written.
const advice = /(:|, or) try again (in .*|when one has ended)[.]?$/;

/** When to try again by a `Retry-After` (RFC 9110 §10.2.3), in milliseconds since 1970; 0 where it says nothing. */
export function retryTime(header, now = Date.now()) {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return now + Number(text) * 1000;
  // Date.parse takes much for a date that is none, such as "-3".
  return (/ GMT$/.test(text) && Date.parse(text)) || 0;
}

/** An error in words: `{ title, text, isQuota }`, with a title for a limit alone; a quota is told with the usage. */
export function wordsOf({ code, message }) {
  const [named, name] = code === 'resource_exhausted' ? names.exec(message) ?? [] : [];
  if (!name) return { title: '', text: message, isQuota: false };
  const text = message.replace(named, '').replace(advice, '.');
  return {
    title: titles[name],
    text: name === 'concurrentStreams' ? `${text} Wait until one has ended.` : text,
    isQuota: name === 'tokensPerDay' || name === 'budget',
  };
}
