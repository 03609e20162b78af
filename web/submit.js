// Handing in knowledge: a text, an address, or a file.

import { announce, busy, el, fill, icon, notice } from './dom.js';
import { call } from './api.js';
import { bytes } from './format.js';
import { currentSession, drafts, may } from './session.js';
import { pageHead } from './paged-list.js';

const kinds = [['text', 'Write'], ['url', 'Web address'], ['file', 'File']];

class Submit extends HTMLElement {
  #kind = 'text';
  #fields = el('div', {});
  #result = el('div', {});
  #form;
  #file = null;

  connectedCallback() {
    if (!may(currentSession()?.user, 'USER_ROLE_CONTRIBUTOR')) {
      const text = 'Your account may ask and search. To hand in documents, ask an admin to make you a contributor.';
      fill(this, el('div', { class: 'page' }, pageHead('Submit knowledge', text)));
      return;
    }
    this.#kind = drafts.read('submit.kind') || 'text';
    const send = el('button', { class: 'button primary', type: 'submit' }, 'Submit for review');
    const title = el('input', { id: 'submit-title', name: 'title', autocomplete: 'off',
      on: { input: () => drafts.write('submit.title', title.value) } });
    title.value = drafts.read('submit.title');
    this.#form = el('form', { class: 'card', on: { submit: (event) => {
      event.preventDefault();
      this.#send(send);
    } } },
      el('fieldset', { class: 'choice' }, el('legend', { class: 'visually-hidden' }, 'What do you submit?'),
        kinds.map(([value, name]) => el('label', {},
          el('input', {
            type: 'radio', name: 'kind', value, checked: value === this.#kind,
            on: { change: () => this.#choose(value) },
          }), el('span', {}, name)))),
      el('div', { class: 'field' }, el('label', { for: 'submit-title' }, 'Title'), title),
      this.#fields, this.#result, el('div', { class: 'row' }, send));
    fill(this, el('div', { class: 'page' },
      pageHead('Submit knowledge',
        'A reviewer reads it first. Once approved, everyone’s questions can be answered from it.'),
      this.#form));
    this.#choose(this.#kind);
  }

  #choose(kind) {
    this.#kind = kind;
    drafts.write('submit.kind', kind === 'text' ? '' : kind);
    this.#form.elements.title.required = kind !== 'file';
    const fields = { text: () => this.#textField(), url: () => this.#urlField(), file: () => this.#fileField() };
    fill(this.#fields, fields[kind]());
  }

  #textField() {
    const box = el('textarea', { id: 'submit-text', name: 'text', rows: '12', required: true,
      on: { input: () => drafts.write('submit.text', box.value) } });
    box.value = drafts.read('submit.text');
    return el('div', { class: 'field' }, el('label', { for: 'submit-text' }, 'Text'), box,
      el('p', { class: 'hint' }, 'Plain text or Markdown.'));
  }

  #urlField() {
    const box = el('input', {
      id: 'submit-url', name: 'url', type: 'url', required: true, placeholder: 'https://',
      on: { input: () => drafts.write('submit.url', box.value) },
    });
    box.value = drafts.read('submit.url');
    return el('div', { class: 'field' }, el('label', { for: 'submit-url' }, 'Address'), box,
      el('p', { class: 'hint' }, 'The page is read when a reviewer approves it.'));
  }

  #fileField() {
    const name = el('span', {});
    const showName = () => fill(name, this.#file ? el('strong', {}, `${this.#file.name} (${bytes(this.#file.size)})`)
      : 'Choose a file, or drop it here');
    const take = (file) => {
      if (!file) return;
      this.#file = file;
      showName();
      const { title } = this.#form.elements;
      if (title.value === '') title.value = file.name.replace(/\.[^.]+$/, '').replaceAll(/[-_]+/g, ' ');
    };
    const input = el('input', {
      id: 'submit-file', type: 'file', class: 'visually-hidden', on: { change: () => take(input.files[0]) },
    });
    const drop = el('label', { class: 'drop', for: 'submit-file', on: {
      dragover: (event) => {
        event.preventDefault();
        drop.classList.add('over');
      },
      dragleave: () => drop.classList.remove('over'),
      drop: (event) => {
        event.preventDefault();
        drop.classList.remove('over');
        take(event.dataTransfer.files[0]);
      },
    } }, icon('submit'), name, el('span', { class: 'hint' }, 'PDF, DOCX, HTML, Markdown, text, CSV, e-mail or code'));
    showName();
    return el('div', { class: 'field' }, input, drop);
  }

  #request() {
    const { title, text, url } = this.#form.elements;
    if (this.#kind === 'text') return { json: { title: title.value, text: text.value } };
    if (this.#kind === 'url') return { json: { title: title.value, url: url.value } };
    if (!this.#file) throw new Error('Choose a file first.');
    const form = new FormData();
    if (title.value.trim() !== '') form.set('title', title.value);
    form.set('file', this.#file);
    return { form };
  }

  #send(button) {
    fill(this.#result);
    busy(button, (error) => fill(this.#result, notice(error)), async () => {
      const { submission } = await call('POST', '/submissions', this.#request());
      // Only what the server has taken is cleared.
      for (const name of ['title', 'text', 'url']) drafts.write(`submit.${name}`, '');
      this.#file = null;
      this.#form.elements.title.value = '';
      this.#choose(this.#kind);
      const admin = may(currentSession()?.user, 'USER_ROLE_ADMIN');
      fill(this.#result, el('div', { class: 'notice good', role: 'status' },
        el('p', {}, `“${submission?.title ?? 'Your text'}” waits for review.`),
        el('div', { class: 'row' }, admin && el('a', { class: 'button', href: '#/review' }, 'Review it'),
          el('a', { class: 'button', href: '#/submissions' }, 'See submissions'))));
      announce('Submitted.');
    });
  }
}

customElements.define('ot-submit', Submit);
