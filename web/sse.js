// Server-sent events read from a fetch body: EventSource cannot send the Authorization header.
// Format: WHATWG HTML, section 9.2 "Server-sent events".

/** Collects text and gives back the events that are complete; a line may end with CRLF, LF or CR. */
export class EventParser {
  #rest = '';
  #data = [];
  #type = '';
  #id = '';

  push(text) {
    const events = [];
    const buffer = this.#rest + text;
    let start = 0;
    for (let index = 0; index < buffer.length; index += 1) {
      const character = buffer[index];
      if (character !== '\n' && character !== '\r') continue;
      // A CR at the very end may be half of a CRLF: wait for what follows.
      if (character === '\r' && index + 1 === buffer.length) break;
      const event = this.#line(buffer.slice(start, index));
      if (event) events.push(event);
      if (character === '\r' && buffer[index + 1] === '\n') index += 1;
      start = index + 1;
    }
    this.#rest = buffer.slice(start);
    return events;
  }

  #line(line) {
    if (line === '') {
      const event = { type: this.#type || 'message', id: this.#id, data: this.#data.join('\n') };
      const dispatch = this.#data.length > 0;
      this.#data = [];
      this.#type = '';
      return dispatch ? event : null;
    }
    if (line.startsWith(':')) return null;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id') this.#id = value;
    return null;
  }
}

/** The events of a response body. Leaving the loop cancels the stream, and with it the request. */
export async function* eventsOf(body) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
