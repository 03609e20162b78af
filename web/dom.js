// Building blocks for the views. Everything is made as DOM nodes: no string is ever parsed as HTML.

import { wordsOf } from './limits.js';

/**
 * Makes an element. `attributes` may hold `class`, any attribute (true writes it empty, false/null leaves it out),
 * and `on`, an object of event listeners. Children are nodes or strings; null, undefined and false are skipped.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') {
      for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    } else if (value === true) {
      node.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      node.setAttribute(name, value);
    }
  }
  append(node, children);
  return node;
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}

/** Replaces everything inside `node`. */
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
}

const icons = {
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20c1-4 4-5 8-5s7 1 8 5',
  key: 'M8 12a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 13l9-9M16 8l3 3',
  chat: 'M4 5h16v11H9l-5 4z',
  document: 'M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6',
  submit: 'M12 15V4M8 8l4-4 4 4M4 15v5h16v-5',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  review: 'M12 3l8 3v6c0 4.5-3.4 7.7-8 9-4.6-1.3-8-4.5-8-9V6zM9 12l2 2 4-4',
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  refresh: 'M4 12a8 8 0 0 1 14-5.3L20 9M20 4v5h-5M20 12a8 8 0 0 1-14 5.3L4 15M4 20v-5h5',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5',
  check: 'M5 12l5 5 9-10',
  close: 'M6 6l12 12M18 6L6 18',
  menu: 'M4 7h16M4 12h16M4 17h16',
  search: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM16 16l4.5 4.5',
  leave: 'M14 4H5v16h9M10 12h11M17 8l4 4-4 4',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  quote: 'M5 6v12M9 8h10M9 12h10M9 16h6',
  chart: 'M4 20h16M7 20v-7M12 20V5M17 20v-10',
  purse: 'M4 8h16v12H4zM4 8l11-4v4M15 14h2',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  book: 'M12 6c-2-2-5-2-8-1v14c3-1 6-1 8 1 2-2 5-2 8-1V5c-3-1-6-1-8 1zM12 6v14',
  tool: 'M9 6l-6 6 6 6M15 6l6 6-6 6',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
};

/** Makes an element of a drawing. */
export function shape(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** A decorative 24 × 24 line icon; its button or link carries the name. */
export function icon(name) {
  return shape('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' }, shape('path', { d: icons[name] }));
}

/** A button that runs `run`; `kind` is a further class such as `primary`. */
export function button(content, run, kind = '') {
  return el('button', { class: `button ${kind}`.trim(), type: 'button', on: { click: run } }, content);
}

/** A button that shows an icon alone; `name` says what it does. */
export function iconButton(iconName, name, run, attributes = {}) {
  const { class: kind = '', ...others } = attributes;
  return el('button', {
    class: `icon-button ${kind}`.trim(), type: 'button', 'aria-label': name, title: name, on: { click: run }, ...others,
  }, icon(iconName));
}

/** Tells screen readers something in the polite status region. */
export function announce(text) {
  document.getElementById('status').textContent = text;
}

/**
 * What the server said, as an alert; the request's id helps the operator where the server itself is at fault. Where it may
 * be tried again at a time, that time is told: by one of the actions (`retryOf`), or here.
 */
export function notice(error, ...actions) {
  const { title, text, isQuota } = wordsOf(error);
  const all = actions.flat().filter(Boolean);
  if (error.retryAt && !all.some((each) => each.localName === 'ot-wait')) {
    all.unshift(el('ot-wait', { until: error.retryAt }));
  }
  if (isQuota) all.push(el('a', { class: 'button', href: '#/usage' }, 'See the usage'));
  // The time that counts down is no part of the alert, which would be read out again with each second.
  return el('div', { class: title ? 'notice limit' : 'notice' },
    el('div', { role: 'alert' },
      title && el('p', { class: 'notice-title' }, title), el('p', {}, text),
      error.status >= 500 && error.requestId && el('p', { class: 'notice-detail' }, `Request ${error.requestId}`)),
    all.length > 0 && el('div', { class: 'row' }, all));
}

export function loading(text = 'Loading…') {
  return el('p', { class: 'loading' }, text);
}

/** What a list shows when there is nothing in it. */
export function emptyState(iconName, title, text, ...actions) {
  return el('div', { class: 'empty' }, icon(iconName), el('h2', {}, title), el('p', {}, text), actions);
}

/** Runs `work` with `button` switched off, and gives the failure (if any) to `report`. */
export async function busy(button, report, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error.name !== 'AbortError') report(error);
  } finally {
    button.disabled = false;
  }
}
