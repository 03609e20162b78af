// The time until something may be tried again, and the button that offers it then: <ot-wait until="MILLISECONDS">.

import { announce, button, el, fill } from './dom.js';
import { clockTime, duration } from './format.js';

const countdown = 120_000; // milliseconds: what is further away is told by the clock
const longest = 30_000; // a timer may be late when the device has slept

class Wait extends HTMLElement {
  #timer = 0;
  /** What the button does; without it there is none. */
  retry = null;

  connectedCallback() {
    this.#show();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  #show(waited = false) {
    const until = Number(this.getAttribute('until'));
    const left = until - Date.now();
    if (left <= 0) {
      fill(this, this.retry ? button('Try again', () => this.retry(), 'primary')
        : el('p', {}, 'You can try again now.'));
      if (waited) announce('You can try again now.');
      return;
    }
    const near = left < countdown;
    fill(this, el('p', {}, near ? `You can try again in ${duration(left)}.`
      : ['There is room again ', el('time', { datetime: new Date(until).toISOString() }, clockTime(until)),
        `, in ${duration(left)}.`]));
    this.#timer = setTimeout(() => this.#show(true), near ? Math.min(left, 1000) : longest);
  }
}

customElements.define('ot-wait', Wait);

/** The button "Try again" for a failed request; where the error says when, it appears then. */
export function retryOf(error, retry) {
  if (!error.retryAt) return button('Try again', retry);
  const wait = el('ot-wait', { until: error.retryAt });
  wait.retry = retry;
  return wait;
}
