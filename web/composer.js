// The box that a question is typed into. What is typed is kept until the server has taken it.

import { el, fill, icon, notice } from './dom.js';
import { drafts } from './session.js';
import { retryOf } from './wait.js';

class Composer extends HTMLElement {
  #box;
  #send;
  #stop;
  #failure = el('div', {});
  #streaming = false;

  /** The draft belongs to a conversation, or to the new one. */
  get #draft() {
    return `chat.${this.getAttribute('conversation') ?? ''}`;
  }

  connectedCallback() {
    this.#box = el('textarea', {
      id: 'question', rows: '1', placeholder: 'Ask a question…', 'aria-describedby': 'question-hint',
      on: { input: () => this.#changed(), keydown: (event) => this.#key(event) },
    });
    this.#box.value = drafts.read(this.#draft);
    this.#send = el('button', { class: 'round primary', type: 'submit', 'aria-label': 'Send', title: 'Send' },
      icon('send'));
    this.#stop = el('button', {
      class: 'round', type: 'button', 'aria-label': 'Stop the answer', title: 'Stop', hidden: true,
      on: { click: () => this.dispatchEvent(new CustomEvent('stop')) },
    }, icon('stop'));
    const form = el('form', { class: 'composer', on: { submit: (event) => {
      event.preventDefault();
      this.#ask();
    } } },
      el('label', { class: 'visually-hidden', for: 'question' }, 'Your question'), this.#box, this.#send, this.#stop);
    fill(this, this.#failure, form,
      el('p', { class: 'hint', id: 'question-hint' }, 'Enter sends, Shift + Enter begins a new line.'));
    this.#changed();
  }

  #key(event) {
    // isComposing: Enter that picks a word of an input method is not the end of the question.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#ask();
  }

  #changed() {
    drafts.write(this.#draft, this.#box.value);
    this.#send.disabled = this.#box.value.trim() === '';
    this.#box.style.height = 'auto';
    this.#box.style.height = `${this.#box.scrollHeight}px`;
  }

  #ask() {
    const message = this.#box.value.trim();
    if (message === '' || this.#streaming) return;
    fill(this.#failure);
    this.dispatchEvent(new CustomEvent('ask', { detail: message }));
  }

  /** While an answer streams the box may be written in, but the button stops the answer. */
  streaming(on) {
    this.#streaming = on;
    const focused = [this.#send, this.#stop].includes(document.activeElement);
    this.#send.hidden = on;
    this.#stop.hidden = !on;
    if (focused) (on ? this.#stop : this.#box).focus();
  }

  /** The server has taken the question `message`: it is no draft any more. */
  taken(message) {
    fill(this.#failure);
    if (this.#box.value.trim() === message) this.#box.value = '';
    this.#changed();
  }

  /** Moves to the conversation that a first question has made. */
  belongTo(conversation) {
    drafts.write(this.#draft, '');
    this.setAttribute('conversation', conversation);
    drafts.write(this.#draft, this.#box.value);
  }

  /** Takes away what went wrong. */
  clear() {
    fill(this.#failure);
  }

  /** Shows what went wrong. `retry` does it again; without it, what stands in the box is asked, if anything does. */
  failed(error, retry = null) {
    const again = () => {
      fill(this.#failure);
      // What is about to be hidden hands the focus on.
      (this.#send.disabled ? this.#box : this.#send).focus();
      (retry ?? (() => this.#ask()))();
    };
    fill(this.#failure, notice(error, (retry || error.retryAt > 0) && retryOf(error, again)));
  }

  suggest(text) {
    this.#box.value = text;
    this.#changed();
    this.#box.focus();
  }

  focus() {
    this.#box.focus();
  }
}

customElements.define('ot-composer', Composer);
