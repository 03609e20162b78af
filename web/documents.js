// Everything approved, and a search through its passages.

import { announce, el, emptyState, fill, icon, loading, notice } from './dom.js';
import { call, pageOf } from './api.js';
import { sourceOf } from './contract.js';
import { count, exactly, when } from './format.js';
import { addressOf, settle } from './router.js';
import { rangesText } from './passage.js';
import { provenance } from './source-panel.js';
import { pagedList, pageHead } from './paged-list.js';
import { retryOf } from './wait.js';

const modes = [
  ['SEARCH_MODE_HYBRID', 'Words and meaning'], ['SEARCH_MODE_LEXICAL', 'Words'], ['SEARCH_MODE_SEMANTIC', 'Meaning'],
];

class Documents extends HTMLElement {
  #box;
  #results = el('div', {});
  #abort = new AbortController();

  connectedCallback() {
    const box = el('input', {
      type: 'search', placeholder: 'Search all documents…', 'aria-label': 'Search all documents', autocomplete: 'off',
      value: this.getAttribute('query'), on: { input: () => box.value === '' && this.#search('', '') },
    });
    const again = () => box.value && form.requestSubmit();
    const mode = el('select', { 'aria-label': 'Search by', on: { change: again } },
      modes.map(([value, name]) => el('option', { value }, name)));
    const form = el('form', { class: 'search', role: 'search', on: { submit: (event) => {
      event.preventDefault();
      this.#search(box.value.trim(), mode.value);
    } } }, el('div', { class: 'search-box' }, icon('search'), box), mode,
      el('button', { class: 'button primary', type: 'submit' }, 'Search'));
    this.#box = box;
    fill(this, el('div', { class: 'page' },
      pageHead('Documents', 'All that answers may be drawn from.'), form, this.#results));
    this.#search(box.value.trim(), mode.value);
  }

  disconnectedCallback() {
    this.#abort.abort();
  }

  async #search(query, mode) {
    this.#abort.abort();
    this.#abort = new AbortController();
    settle(addressOf('documents', '', { q: query }));
    if (query === '') {
      fill(this.#results, this.#list());
      return;
    }
    fill(this.#results, loading('Searching…'));
    try {
      const answer = await call('POST', '/search', { json: { query, mode, limit: 20 }, signal: this.#abort.signal });
      const hits = (answer.hits ?? []).map(sourceOf);
      const lexical = mode === 'SEARCH_MODE_HYBRID' && answer.mode === 'SEARCH_MODE_LEXICAL';
      announce(`${count(hits.length, 'passage')} found.`);
      fill(this.#results,
        lexical && el('p', { class: 'hint' }, 'No embedding model is loaded: these were found by their words alone.'),
        hits.length === 0 ? emptyState('search', 'Nothing found', 'Try other words, or fewer of them.')
          : el('ul', { class: 'rows', 'aria-label': 'Passages found' }, hits.map((hit) => this.#hit(hit))));
    } catch (error) {
      if (error.name === 'AbortError') return;
      const again = () => {
        this.#box.focus();
        this.#search(query, mode);
      };
      fill(this.#results, notice(error, retryOf(error, again)));
    }
  }

  #hit(hit) {
    const address = addressOf('documents', hit.documentId,
      { revision: hit.revisionId, at: rangesText([hit]) });
    return el('li', { class: 'row-item' },
      el('h2', {}, el('a', { href: address }, hit.title)),
      el('p', { class: 'snippet' }, hit.text),
      provenance(hit) && el('p', { class: 'meta' }, provenance(hit)));
  }

  #list() {
    return pagedList({
      label: 'Documents',
      load: (pageToken) => pageOf('/documents', 'documents', { pageToken, signal: this.#abort.signal }),
      row: (document) => el('li', { class: 'row-item' },
        el('h2', {}, el('a', { href: addressOf('documents', document.id) }, document.title || 'Untitled document')),
        el('p', { class: 'meta' }, `Revision ${document.revisionNumber ?? 1} · `,
          el('time', { datetime: document.updatedAt, title: exactly(document.updatedAt) }, when(document.updatedAt)),
          document.sourceUri && ` · ${document.sourceUri}`)),
      empty: () => emptyState('document', 'No documents yet',
        'Approved submissions appear here and can be asked about.'),
    });
  }
}

customElements.define('ot-documents', Documents);
