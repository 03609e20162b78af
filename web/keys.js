// The caller's API keys: made, shown once, listed and revoked.

import { announce, busy, button, el, emptyState, fill, iconButton, notice } from './dom.js';
import { call } from './api.js';
import { currentSession, drafts, may } from './session.js';
import { exactly, when } from './format.js';
import { pageHead } from './paged-list.js';

const longest = 100;
const scopes = [
  { value: 'API_KEY_SCOPE_CHAT', name: 'Ask', text: 'chat, and OpenAI’s API', role: 'USER_ROLE_USER' },
  { value: 'API_KEY_SCOPE_SEARCH', name: 'Search', text: 'passages and embeddings', role: 'USER_ROLE_USER' },
  { value: 'API_KEY_SCOPE_READ', name: 'Read', text: 'documents', role: 'USER_ROLE_USER' },
  { value: 'API_KEY_SCOPE_SUBMIT', name: 'Submit', text: 'knowledge, and follow it', role: 'USER_ROLE_CONTRIBUTOR' },
  { value: 'API_KEY_SCOPE_ADMIN', name: 'Review', text: 'submissions, documents and jobs', role: 'USER_ROLE_ADMIN' },
];

class Keys extends HTMLElement {
  #list = el('ul', { class: 'rows', 'aria-label': 'Your API keys' });
  #foot = el('div', { class: 'list-foot' });
  #result = el('div', {});

  connectedCallback() {
    const { user } = currentSession() ?? {};
    const name = el('input', { id: 'key-name', name: 'name', required: true, maxlength: longest, autocomplete: 'off',
      placeholder: 'My laptop', on: { input: () => drafts.write('key', name.value) } });
    name.value = drafts.read('key');
    const boxes = scopes.filter(({ role }) => may(user, role)).map(({ value, name: label, text }, index) => {
      const box = el('input', { type: 'checkbox', name: 'scope', value, checked: index === 0 });
      return { box, row: el('label', { class: 'check' }, box, el('span', {}, `${label}: ${text}`)) };
    });
    const add = el('button', { class: 'button primary', type: 'submit' }, 'Make a key');
    const form = el('form', { class: 'card', on: { submit: (event) => {
      event.preventDefault();
      this.#add(name, boxes.filter(({ box }) => box.checked).map(({ box }) => box.value), add);
    } } },
      el('div', { class: 'field' }, el('label', { for: 'key-name' }, 'What the key is for'), name),
      el('fieldset', { class: 'checks' }, el('legend', {}, 'What it may do'), boxes.map(({ row }) => row)),
      this.#result, el('div', { class: 'row' }, add));
    fill(this, el('div', { class: 'page' },
      pageHead('API keys', 'A program that shows a key acts for you, as far as you let it. Whoever has the key can do so.'),
      form, this.#list, this.#foot));
    this.#load();
  }

  async #load() {
    try {
      const { apiKeys = [] } = await call('GET', '/api-keys');
      fill(this.#list, apiKeys.map((key) => this.#row(key)));
      this.#settle();
    } catch (error) {
      if (error.name !== 'AbortError') fill(this.#foot, notice(error, button('Try again', () => this.#load())));
    }
  }

  #settle() {
    fill(this.#foot, this.#list.children.length === 0
      && emptyState('key', 'No keys yet', 'OpenAI’s clients, scripts and other programs sign in with one.'));
  }

  #add(name, chosen, add) {
    fill(this.#result);
    if (chosen.length === 0) {
      fill(this.#result, notice({ message: 'Choose at least one thing that the key may do.' }));
      return;
    }
    busy(add, (error) => fill(this.#result, notice(error)), async () => {
      const { apiKey, secret } = await call('POST', '/api-keys', { json: { name: name.value, scopes: chosen } });
      this.#list.prepend(this.#row(apiKey));
      name.value = '';
      drafts.write('key', '');
      this.#settle();
      this.#show(secret);
    });
  }

  /** The secret is never shown again, so it stays until the reader leaves. */
  #show(secret) {
    const field = el('input', { id: 'key-secret', readonly: true, autocomplete: 'off', spellcheck: 'false' });
    field.value = secret;
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(secret);
        announce('The key was copied.');
      } catch {
        announce('The browser did not allow copying.');
      }
    };
    fill(this.#result, el('div', { class: 'notice good' },
      el('div', { class: 'field' }, el('label', { for: 'key-secret' }, 'Copy it now: it is not shown again'),
        el('div', { class: 'secret' }, field, iconButton('copy', 'Copy the key', copy)))));
    field.select();
    announce('The key was made. Copy it now: it is not shown again.');
  }

  #row(key) {
    const failure = el('div', {});
    const revoke = button('Revoke', () => busy(revoke, (error) => fill(failure, notice(error)), async () => {
      await call('DELETE', `/api-keys/${key.id}`);
      row.remove();
      this.#settle();
      announce('Revoked.');
    }));
    revoke.setAttribute('aria-label', `Revoke: ${key.name}`);
    const names = scopes.filter(({ value }) => key.scopes?.includes(value)).map(({ name }) => name.toLowerCase());
    const hasEnded = key.expiresAt && Date.parse(key.expiresAt) <= Date.now();
    const row = el('li', { class: 'row-item' },
      el('div', { class: 'row-head' }, el('p', {}, key.name), revoke),
      el('p', { class: 'meta' }, [
        `${key.prefix}…`, names.join(', '), key.lastUsedAt ? `used ${when(key.lastUsedAt)}` : 'never used',
        key.expiresAt && `${hasEnded ? 'expired' : 'expires'} ${exactly(key.expiresAt)}`,
      ].filter(Boolean).join(' · ')), failure);
    return row;
  }
}

customElements.define('ot-keys', Keys);
