// An answer's events, to the last, also when the connection is lost on the way: the server goes on writing for a while,
// and the stream is taken up behind the last event that came.

import { ApiError, call, sentence, stream } from './api.js';

// Before each attempt to take the stream up, in milliseconds; an event that comes starts over. The server waits a minute.
const pauses = [250, 1000, 2000, 4000, 8000];

/**
 * Asks with POST `path`, and yields the events, each `{ type, id, message }`.
 *
 * `lost` is told when the connection is lost and another is tried, and `found` when events come again. An answer that
 * could not be given is an event, `failed`; what is thrown says that its end is not known.
 */
export async function* answerOf(path, json, { signal, lost = () => {}, found = () => {} } = {}) {
  let messageId = '';
  let last = '0';
  let attempts = 0;
  for (;;) {
    try {
      for await (const event of eventsFrom(path, json, messageId, last, signal)) {
        if (event.type === 'error') throw new ApiError(event.message.code, sentence(event.message.message ?? ''));
        if (attempts > 0) found();
        attempts = 0;
        last = event.id;
        if (event.type === 'started') ({ messageId } = event.message);
        yield event;
        if (event.type === 'completed' || event.type === 'failed') return;
      }
      throw new ApiError('unavailable', 'The connection was lost before the answer was complete.');
    } catch (error) {
      if (!messageId || signal?.aborted || !mayPass(error) || attempts === pauses.length) throw error;
      lost();
      await pause(pauses[attempts], signal);
      attempts += 1;
    }
  }
}

/** Stops an answer; one that has ended meanwhile is no failure. */
export async function cancelAnswer(messageId) {
  try {
    await call('POST', `/chat/${encodeURIComponent(messageId)}/cancel`, { json: {}, keepalive: true });
  } catch (error) {
    if (error.code !== 'not_found') throw error;
  }
}

function eventsFrom(path, json, messageId, last, signal) {
  if (!messageId) return stream('POST', path, { json: { ...json, resumable: true }, signal });
  const headers = { 'Last-Event-ID': last };
  return stream('GET', `/chat/${encodeURIComponent(messageId)}/events`, { headers, signal });
}

/** Whether another attempt may do better; `unknown` is what a proxy in between says. */
function mayPass(error) {
  return ['unavailable', 'deadline_exceeded', 'canceled', 'unknown'].includes(error.code);
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException('The answer was stopped.', 'AbortError'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
