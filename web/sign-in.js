// Signing in and signing up.

import { busy, el, fill, notice } from './dom.js';
import { call } from './api.js';
import { keepSession } from './session.js';

function field(label, attributes, hint) {
  const id = `field-${attributes.name}`;
  return el('div', { class: 'field' }, el('label', { for: id }, label),
    el('input', { id, required: true, 'aria-describedby': hint ? `${id}-hint` : null, ...attributes }),
    hint && el('p', { class: 'hint', id: `${id}-hint` }, hint));
}

class SignIn extends HTMLElement {
  #signingUp = false;
  #email = '';

  connectedCallback() {
    this.#render(this.getAttribute('reason'));
  }

  #render(reason) {
    const up = this.#signingUp;
    const failure = el('div', {});
    const submit = el('button', { class: 'button primary wide', type: 'submit' }, up ? 'Create account' : 'Sign in');
    const form = el('form', { on: { submit: (event) => {
      event.preventDefault();
      this.#send(form, submit, failure);
    } } },
      reason && el('p', { class: 'notice calm', role: 'status' }, reason),
      up && field('Name', { name: 'displayName', autocomplete: 'name' },
        'Shown with what you submit and approve.'),
      field('Email', { name: 'email', type: 'email', autocomplete: 'username', value: this.#email }),
      field('Password', { name: 'password', type: 'password', autocomplete: up ? 'new-password' : 'current-password' },
        up && 'At least 10 characters.'),
      failure, submit);
    fill(this, el('main', { class: 'welcome', id: 'main' },
      el('div', { class: 'welcome-card' },
        el('div', { class: 'welcome-head' },
          el('img', { src: '/favicon.svg', alt: '', width: '44', height: '44' }),
          el('h1', {}, up ? 'Create your account' : 'Sign in to OpenTier'),
          el('p', {}, up ? 'The first account of a new server is its admin.'
            : 'Ask your team’s knowledge. Every answer shows what it rests on.')),
        form,
        el('p', { class: 'switch' }, up ? 'You have an account? ' : 'New here? ',
          el('button', { class: 'link', type: 'button', on: { click: () => this.#swap(form) } },
            up ? 'Sign in' : 'Create an account')))));
    form.elements[0].focus();
  }

  #swap(form) {
    this.#email = form.elements.email.value;
    this.#signingUp = !this.#signingUp;
    this.#render('');
  }

  #send(form, submit, failure) {
    fill(failure);
    busy(submit, (error) => fill(failure, notice(error)), async () => {
      const { email, password, displayName } = Object.fromEntries(new FormData(form));
      const json = this.#signingUp ? { email, password, displayName } : { email, password };
      const answer = await call('POST', this.#signingUp ? '/auth/signup' : '/auth/signin', { json });
      keepSession(answer.user, answer.session);
    });
  }
}

customElements.define('ot-sign-in', SignIn);
