// The reader's conversations, newest first, in the sidebar.

import { button, el, fill } from './dom.js';
import { pageOf } from './api.js';
import { addressOf, currentRoute } from './router.js';

class ConversationList extends HTMLElement {
  #list = el('ul', {});
  #foot = el('div', {});
  #refresh = () => this.#load();
  #mark = () => this.#markCurrent();

  connectedCallback() {
    fill(this, el('h2', { id: 'conversations-title' }, 'Conversations'),
      el('nav', { 'aria-labelledby': 'conversations-title' }, this.#list), this.#foot);
    addEventListener('conversationschanged', this.#refresh);
    addEventListener('hashchange', this.#mark);
    addEventListener('addresssettled', this.#mark);
    this.#load();
  }

  disconnectedCallback() {
    removeEventListener('conversationschanged', this.#refresh);
    removeEventListener('hashchange', this.#mark);
    removeEventListener('addresssettled', this.#mark);
  }

  async #load(pageToken = '') {
    try {
      const page = await pageOf('/conversations', 'conversations', { pageToken });
      const items = page.items.map(({ id, title }) => el('li', {},
        el('a', { href: addressOf('chat', id), 'data-id': id, title }, title || 'New conversation')));
      if (pageToken) this.#list.append(...items);
      else this.#list.replaceChildren(...items);
      fill(this.#foot,
        this.#list.children.length === 0 && el('p', { class: 'hint' }, 'Your questions will be kept here.'),
        page.next && button('Show older', () => this.#load(page.next)));
      this.#markCurrent();
    } catch (error) {
      fill(this.#foot, el('p', { class: 'hint', role: 'alert' }, error.message, ' '),
        button('Try again', () => this.#load(pageToken)));
    }
  }

  #markCurrent() {
    const { view, id } = currentRoute();
    for (const link of this.#list.querySelectorAll('a')) {
      if (view === 'chat' && link.dataset.id === id) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }
}

customElements.define('ot-conversations', ConversationList);
