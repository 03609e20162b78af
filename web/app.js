// The frame: navigation, and the view that the address names.

import { button, el, fill, icon, iconButton } from './dom.js';
import { call } from './api.js';
import { currentSession, dropSession, drafts, keepSession, may, roleNames, sessionEvents } from './session.js';
import { addressOf, currentRoute, go } from './router.js';
import './sign-in.js';
import './chat.js';
import './conversation-list.js';
import './submit.js';
import './submissions.js';
import './review.js';
import './memories.js';
import './keys.js';
import './documents.js';
import './document.js';
import './usage.js';
import './budgets.js';
import './wait.js';

const places = [
  { view: 'chat', name: 'Ask', icon: 'chat', role: 'USER_ROLE_USER' },
  { view: 'documents', name: 'Documents', icon: 'document', role: 'USER_ROLE_USER' },
  { view: 'memories', name: 'About me', icon: 'person', role: 'USER_ROLE_USER' },
  { view: 'keys', name: 'API keys', icon: 'key', role: 'USER_ROLE_USER' },
  { view: 'usage', name: 'Usage', icon: 'chart', role: 'USER_ROLE_USER' },
  { view: 'submit', name: 'Submit', icon: 'submit', role: 'USER_ROLE_CONTRIBUTOR' },
  { view: 'submissions', name: 'Submissions', icon: 'list', role: 'USER_ROLE_CONTRIBUTOR' },
  { view: 'review', name: 'Review', icon: 'review', role: 'USER_ROLE_ADMIN' },
  { view: 'budgets', name: 'Budgets', icon: 'purse', role: 'USER_ROLE_ADMIN' },
];

const narrow = matchMedia('(max-width: 50rem)');

function viewFor({ view, id, query }) {
  switch (view) {
    case 'memories': return el('ot-memories');
    case 'keys': return el('ot-keys');
    case 'usage': return el('ot-usage', { period: query.get('period'), user: query.get('user') });
    case 'budgets': return el('ot-budgets', { user: query.get('user') });
    case 'submit': return el('ot-submit');
    case 'submissions': return el('ot-submissions');
    case 'review': return el('ot-review');
    case 'documents': return id
      ? el('ot-document', { document: id, revision: query.get('revision'), at: query.get('at') })
      : el('ot-documents', { query: query.get('q') });
    default: return el('ot-chat', { conversation: id });
  }
}

class App extends HTMLElement {
  #main;
  #sidebar;
  #menuButton;
  #token;

  connectedCallback() {
    this.#render('');
    addEventListener('hashchange', () => this.#navigate());
    addEventListener('addresssettled', () => this.#mark());
    narrow.addEventListener('change', () => this.#showMenu(false));
    sessionEvents.addEventListener('change', (event) => this.#sessionChanged(event.detail?.reason ?? ''));
    this.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && narrow.matches && !this.#sidebar?.inert) this.#showMenu(false, true);
    });
    this.#refreshUser();
  }

  /** The role may have changed since sign-in, and the session may have been revoked. */
  async #refreshUser() {
    const session = currentSession();
    if (!session) return;
    try {
      const { user } = await call('GET', '/auth/me');
      if (!user || ['role', 'displayName', 'email'].every((name) => user[name] === session.user[name])) return;
      keepSession(user, session);
      this.#render('');
    } catch {
      // A refused session has been dropped and said so by now; for anything else the view shows its own failure.
    }
  }

  #sessionChanged(reason) {
    if (currentSession()?.token !== this.#token) this.#render(reason);
  }

  #render(reason) {
    const session = currentSession();
    this.#token = session?.token;
    if (!session) {
      this.#sidebar = undefined;
      document.title = 'Sign in · OpenTier';
      fill(this, el('ot-sign-in', { reason }));
      return;
    }
    this.#main = el('main', { id: 'main', tabindex: '-1' });
    this.#sidebar = this.#makeSidebar(session.user);
    this.#menuButton = iconButton('menu', 'Menu', () => this.#showMenu(this.#sidebar.inert, true),
      { 'aria-controls': 'sidebar' });
    fill(this,
      el('button', { class: 'skip', type: 'button', on: { click: () => this.#main.focus() } }, 'Skip to content'),
      el('header', { class: 'topbar' }, this.#menuButton, brand(), iconButton('plus', 'New question', newQuestion)),
      el('button', { class: 'scrim', type: 'button', 'aria-label': 'Close the menu', tabindex: '-1',
        on: { click: () => this.#showMenu(false, true) } }),
      this.#sidebar, this.#main);
    this.#navigate({ focus: false });
  }

  #makeSidebar(user) {
    const links = places.filter((place) => may(user, place.role)).map((place) => el('li', {},
      el('a', { href: addressOf(place.view), 'data-view': place.view }, icon(place.icon), place.name)));
    const signOut = async () => {
      // Signing out here must not depend on the network; the server's copy of the session ends when it is reached.
      await call('POST', '/auth/signout', { json: {} }).catch(() => {});
      drafts.clear();
      dropSession();
      go('#/');
    };
    return el('aside', { class: 'sidebar', id: 'sidebar', 'aria-label': 'Menu' },
      brand(),
      button([icon('plus'), 'New question'], newQuestion, 'primary wide'),
      el('nav', { 'aria-label': 'Main' }, el('ul', {}, links)),
      el('ot-conversations'),
      el('div', { class: 'account' },
        el('div', { class: 'account-name' }, el('strong', {}, user.displayName || user.email),
          el('span', {}, roleNames[user.role] ?? '')),
        iconButton('leave', 'Sign out', signOut)));
  }

  #navigate({ focus = true } = {}) {
    if (!this.#sidebar) return;
    const route = currentRoute();
    fill(this.#main, viewFor(route));
    this.#mark();
    this.#showMenu(false);
    if (focus && route.view !== 'chat') this.#main.focus();
  }

  #mark() {
    const { view, id } = currentRoute();
    for (const link of this.#sidebar?.querySelectorAll('nav a') ?? []) {
      if (link.dataset.view === view) link.setAttribute('aria-current', id ? 'true' : 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${places.find((place) => place.view === view)?.name ?? 'Ask'} · OpenTier`;
  }

  #showMenu(open, focus = false) {
    if (!this.#sidebar) return;
    this.#sidebar.inert = narrow.matches && !open;
    this.classList.toggle('menu-open', narrow.matches && open);
    this.#menuButton.setAttribute('aria-expanded', String(narrow.matches && open));
    if (focus && narrow.matches) (open ? this.#sidebar.querySelector('a, button') : this.#menuButton).focus();
  }
}

function brand() {
  return el('a', { class: 'brand', href: '#/' },
    el('img', { src: '/favicon.svg', alt: '', width: '28', height: '28' }), 'OpenTier');
}

function newQuestion() {
  go('#/chat');
}

customElements.define('ot-app', App);
