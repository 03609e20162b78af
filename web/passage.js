// A revision's text with passages marked. Offsets count bytes of UTF-8, so the cut is made in the bytes.

import { button, el, fill, loading, notice } from './dom.js';
import { bytesOf } from './api.js';

const decode = (bytes) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Byte ranges `{ startOffset, endOffset }` as they stand in an address: `106-218,300-340`. */
export function rangesText(ranges) {
  return ranges.map(({ startOffset, endOffset }) => `${startOffset}-${endOffset}`).join(',');
}

export function rangesOf(text) {
  return [...text.matchAll(/(\d+)-(\d+)/g)].map(([, start, end]) => (
    { startOffset: Number(start), endOffset: Number(end) }));
}

/**
 * Cuts a text into pieces `{ text, marked }` at byte ranges. Offsets beyond the end mean the end; where ranges overlap,
 * the later one begins where the earlier ends.
 */
export function cut(bytes, ranges) {
  const pieces = [];
  let at = 0;
  const piece = (end, marked) => {
    if (end > at) pieces.push({ text: decode(bytes.subarray(at, end)), marked });
    at = Math.max(at, end);
  };
  for (const { startOffset, endOffset } of [...ranges].sort((one, other) => one.startOffset - other.startOffset)) {
    piece(Math.min(startOffset, bytes.length), false);
    piece(Math.min(endOffset, bytes.length), true);
  }
  piece(bytes.length, false);
  return pieces;
}

class Passage extends HTMLElement {
  #abort = new AbortController();

  disconnectedCallback() {
    this.#abort.abort();
  }

  /** Loads and shows a revision's text (the current one's without a revision) and scrolls to its first marked range. */
  async show({ documentId, revisionId = '', ranges = [] }) {
    this.#abort.abort();
    this.#abort = new AbortController();
    fill(this, loading('Opening the document…'));
    try {
      const bytes = await bytesOf(`/documents/${encodeURIComponent(documentId)}/text`,
        { query: { revision: revisionId }, signal: this.#abort.signal });
      fill(this, el('div', { class: 'text', tabindex: '0', role: 'region', 'aria-label': 'Text of the document' },
        cut(bytes, ranges).map(({ text, marked }) => (marked ? el('mark', {}, text) : text))));
      this.querySelector('mark')?.scrollIntoView({ block: 'center' });
    } catch (error) {
      if (error.name === 'AbortError') return;
      fill(this, notice(error, button('Try again', () => this.show({ documentId, revisionId, ranges }))));
    }
  }
}

customElements.define('ot-passage', Passage);
