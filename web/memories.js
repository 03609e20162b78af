// What somebody has said about themselves, so that their questions need not.

import { announce, busy, button, el, emptyState, fill, notice } from './dom.js';
import { call, listAll } from './api.js';
import { drafts } from './session.js';
import { pageHead } from './paged-list.js';

const longest = 500;

class Memories extends HTMLElement {
  #list = el('ul', { class: 'rows', 'aria-label': 'What you said about yourself' });
  #foot = el('div', { class: 'list-foot' });
  #failure = el('div', {});

  connectedCallback() {
    const input = el('input', { id: 'memory', name: 'memory', required: true, maxlength: longest, autocomplete: 'off',
      placeholder: 'I work in the Berlin office', on: { input: () => drafts.write('memory', input.value) } });
    input.value = drafts.read('memory');
    const add = el('button', { class: 'button primary', type: 'submit' }, 'Add');
    const form = el('form', { class: 'card', on: { submit: (event) => {
      event.preventDefault();
      this.#add(input, add);
    } } },
      el('div', { class: 'field' }, el('label', { for: 'memory' }, 'One sentence about you'), input),
      this.#failure, el('div', { class: 'row' }, add));
    fill(this, el('div', { class: 'page' },
      pageHead('About me',
        'Questions that speak of you are searched with this as well, and models are told it. Nobody else sees it.'),
      form, this.#list, this.#foot));
    this.#load();
  }

  async #load() {
    try {
      const memories = await listAll('/memories', 'memories');
      fill(this.#list, memories.map((memory) => this.#row(memory)));
      this.#settle();
    } catch (error) {
      if (error.name !== 'AbortError') fill(this.#foot, notice(error, button('Try again', () => this.#load())));
    }
  }

  #settle() {
    fill(this.#foot, this.#list.children.length === 0
      && emptyState('list', 'Nothing yet', 'Say where you work or what you do, a sentence each.'));
  }

  #add(input, add) {
    fill(this.#failure);
    busy(add, (error) => fill(this.#failure, notice(error)), async () => {
      const { memory } = await call('POST', '/memories', { json: { content: input.value } });
      this.#list.prepend(this.#row(memory));
      input.value = '';
      drafts.write('memory', '');
      this.#settle();
      announce('Added.');
      input.focus();
    });
  }

  #row({ id, content }) {
    const failure = el('div', {});
    const remove = button('Forget', () => busy(remove, (error) => fill(failure, notice(error)), async () => {
      await call('DELETE', `/memories/${id}`);
      row.remove();
      this.#settle();
      announce('Forgotten.');
    }));
    remove.setAttribute('aria-label', `Forget: ${content}`);
    const row = el('li', { class: 'row-item' },
      el('div', { class: 'row-head' }, el('p', {}, content), remove), failure);
    return row;
  }
}

customElements.define('ot-memories', Memories);
