// A list that loads a page at a time.

import { button, el, fill, loading, notice } from './dom.js';
import { retryOf } from './wait.js';

/**
 * Makes a list element. `load(pageToken)` gives `{ items, next }`, `row(item)` a list item or null, and `empty()` what
 * stands there when nothing is to be shown.
 */
export function pagedList({ load, row, empty, label }) {
  const list = el('ul', { class: 'rows', 'aria-label': label });
  const foot = el('div', { class: 'list-foot' });
  const more = async (pageToken) => {
    fill(foot, loading());
    try {
      const page = await load(pageToken);
      list.append(...page.items.map(row).filter(Boolean));
      fill(foot, page.next
        ? button('Show more', () => more(page.next)) : list.children.length === 0 && empty());
    } catch (error) {
      if (error.name === 'AbortError') return;
      fill(foot, notice(error, retryOf(error, () => more(pageToken))));
    }
  };
  more('');
  return el('div', {}, list, foot);
}

/**
 * The rows of a table that is there with its first page already, and the button that brings the next: `row(item)` gives a
 * `<tr>`, which is added to `body`.
 */
export function moreRows({ body, next, load, row }) {
  const foot = el('div', { class: 'list-foot' });
  const offer = (pageToken) => fill(foot, pageToken && button('Show more', () => more(pageToken)));
  const more = async (pageToken) => {
    fill(foot, loading());
    try {
      const page = await load(pageToken);
      const rows = page.items.map(row);
      body.append(...rows);
      offer(page.next);
      // The button is gone: whoever reads on does so at the first of the new rows.
      rows[0]?.querySelector('a, button')?.focus();
    } catch (error) {
      if (error.name !== 'AbortError') fill(foot, notice(error, retryOf(error, () => more(pageToken))));
    }
  };
  offer(next);
  return foot;
}

/** The head of a page: its title, what it is for, and its actions. */
export function pageHead(title, text, ...actions) {
  return el('header', { class: 'page-head' },
    el('div', {}, el('h1', {}, title), text && el('p', {}, text)), actions);
}
