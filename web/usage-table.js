// Tables of what was used: a row for each day, model or user.

import { el } from './dom.js';
import { plainMoney } from './format.js';

/** A table with a `caption`; `name` heads the first column, and the rows come from `usageRow`. */
export function usageTable(caption, name, currency, rows) {
  const body = el('tbody', {}, rows);
  const table = el('table', { class: 'usage-table' },
    el('caption', {}, caption),
    el('thead', {}, el('tr', {},
      el('th', { scope: 'col' }, name),
      ['Requests', 'Tokens', `Cost, ${currency}`].map((each) => el('th', { scope: 'col', class: 'number' }, each)))),
    body);
  return { table, body };
}

/** A row that is headed by `head`, a text or a node. */
export function usageRow(head, { requests, prompt, completion, tokens, cost }) {
  return el('tr', {},
    el('th', { scope: 'row' }, head),
    el('td', { class: 'number' }, requests.toLocaleString()),
    el('td', { class: 'number' }, tokens.toLocaleString(),
      tokens > 0 && el('span', { class: 'parts' },
        el('span', {}, `${prompt.toLocaleString()} in, `), el('span', {}, `${completion.toLocaleString()} out`))),
    el('td', { class: 'number' }, plainMoney(cost)));
}
