// A conversation: questions, streamed answers, and the panel with their sources.

import { announce, button, el, fill, iconButton, loading, notice } from './dom.js';
import { ApiError, call, listAll, sentence } from './api.js';
import { answerOf, cancelAnswer } from './answer.js';
import { messageOf, sourceOf, toolCallOf, toolResultOf } from './contract.js';
import { MessageTree } from './tree.js';
import { addressOf, go, settle } from './router.js';
import './composer.js';
import './message.js';
import './source-panel.js';

class Chat extends HTMLElement {
  #conversation = '';
  #tree = new MessageTree();
  // The answer that is being read: `{ abort, messageId, stopped }`.
  #run = null;
  #log = el('div', { class: 'log', role: 'log', tabindex: '0', 'aria-label': 'Conversation' });
  #bar = el('div', { class: 'chat-bar' });
  #composer = el('ot-composer');
  #panel = el('ot-source-panel');

  connectedCallback() {
    this.#conversation = this.getAttribute('conversation') ?? '';
    this.#composer.setAttribute('conversation', this.#conversation);
    fill(this, el('div', { class: 'thread' }, this.#bar, this.#log, this.#composer), this.#panel);
    this.#composer.addEventListener('ask', (event) => this.#ask(event.detail));
    this.#composer.addEventListener('stop', () => this.#stop());
    this.#log.addEventListener('opensource', (event) => this.#panel.open(event.detail.spans, event.detail.opener));
    this.#log.addEventListener('regenerate', (event) => this.#regenerate(event.target.message));
    this.#log.addEventListener('choose', (event) => this.#choose(event.target.message, event.detail));
    this.#log.addEventListener('grown', () => this.#follow());
    if (this.#conversation) this.#load();
    else this.#welcome();
    // Where nothing hovers, focus would call up a keyboard that covers the page.
    if (matchMedia('(hover: hover)').matches) this.#composer.focus();
  }

  disconnectedCallback() {
    this.#stop();
  }

  #welcome() {
    fill(this.#log, el('div', { class: 'greeting' },
      el('img', { src: '/favicon.svg', alt: '', width: '48', height: '48' }),
      el('h1', {}, 'What do you want to know?'),
      el('p', {}, 'Answers come from your organisation’s approved documents, ',
        'and each one shows the passages that it rests on.')));
  }

  async #load() {
    fill(this.#log, loading('Opening the conversation…'));
    try {
      const path = `/conversations/${encodeURIComponent(this.#conversation)}`;
      const [{ conversation }, messages] =
        await Promise.all([call('GET', path), listAll(`${path}/messages`, 'messages')]);
      this.#tree = new MessageTree(messages.map(messageOf));
      this.#showBar(conversation?.title);
      this.#draw();
      this.#follow(true);
    } catch (error) {
      fill(this.#log, notice(error,
        button('Try again', () => this.#load()),
        el('a', { class: 'button', href: '#/chat' }, 'New question')));
    }
  }

  #showBar(title) {
    const remove = iconButton('trash', 'Delete the conversation', () => {
      const keep = button('Keep', () => this.#showBar(title));
      const sure = button('Delete', () => this.#delete(title), 'danger');
      fill(this.#bar, el('p', {}, 'Delete this conversation?'), sure, keep);
      keep.focus();
    }, { class: 'small' });
    fill(this.#bar, el('h1', {}, title || 'New conversation'), remove);
  }

  async #delete(title) {
    try {
      await call('DELETE', `/conversations/${encodeURIComponent(this.#conversation)}`);
      dispatchEvent(new Event('conversationschanged'));
      go('#/chat');
    } catch (error) {
      this.#showBar(title);
      this.#composer.failed(error);
    }
  }

  #draw() {
    const nodes = this.#tree.path().filter((message) => message.role !== 'system').map((message) => {
      const node = el('ot-message');
      const alternatives = this.#tree.alternatives(message);
      node.show(message, { index: alternatives.indexOf(message), count: alternatives.length });
      return node;
    });
    fill(this.#log, nodes);
  }

  #choose(message, by) {
    const alternatives = this.#tree.alternatives(message);
    const other = alternatives[alternatives.indexOf(message) + by];
    if (!other) return;
    this.#tree.choose(other);
    this.#draw();
    this.querySelector(`#message-${CSS.escape(other.id)} .alternatives button:not(:disabled)`)?.focus();
  }

  #ask(text) {
    const parentId = this.#tree.path().at(-1)?.id;
    const json = { message: text, conversationId: this.#conversation || undefined, parentId };
    return this.#stream('/chat', json, (started) => {
      const question = messageOf({ id: started.userMessageId, parentId, role: 'MESSAGE_ROLE_USER', content: text });
      this.#tree.add(question);
      this.#composer.taken(text);
      return question.id;
    });
  }

  #regenerate(message) {
    if (this.#run) return null;
    const [conversation, id] = [this.#conversation, message.id].map(encodeURIComponent);
    const place = () => {
      this.#composer.clear();
      return message.parentId;
    };
    return this.#stream(`/conversations/${conversation}/messages/${id}/regenerate`, {}, place,
      () => this.#regenerate(message));
  }

  /**
   * Runs one answer; `place` is told when the server has taken the request and names the new answer's parent. `retry` asks
   * for it again; without it the question still stands in the box.
   */
  async #stream(path, json, place, retry = null) {
    const run = { abort: new AbortController(), messageId: '', stopped: false };
    this.#run = run;
    this.#composer.streaming(true);
    this.#log.setAttribute('aria-busy', 'true');
    let node = null;
    try {
      const options = {
        signal: run.abort.signal,
        lost: () => announce('The connection was lost. Trying again.'),
        found: () => announce('The connection is back.'),
      };
      for await (const { type, message } of answerOf(path, json, options)) {
        if (type === 'started') {
          run.messageId = message.messageId;
          node = this.#started(message, place(message));
          if (run.stopped) this.#stop();
        }
        else if (type === 'sources') node?.sources((message.sources ?? []).map(sourceOf));
        else if (type === 'delta') node?.delta(message.text ?? '');
        else if (type === 'toolCall') node?.toolCall(toolCallOf(message));
        else if (type === 'toolResult') node?.toolResult(toolResultOf(message));
        else if (type === 'completed') this.#completed(node, message);
        else if (type === 'failed') throw new ApiError(message.code, sentence(message.message ?? 'The answer failed'));
      }
    } catch (error) {
      this.#interrupted(node, error, retry);
    } finally {
      this.#run = null;
      this.#composer.streaming(false);
      this.#log.removeAttribute('aria-busy');
    }
  }

  /**
   * Stops the answer. Leaving is not enough, as the server would wait for the reader to come back; what has not begun yet
   * is stopped as soon as it is known by its id.
   */
  #stop() {
    const run = this.#run;
    if (!run) return;
    run.stopped = true;
    if (run.messageId) {
      cancelAnswer(run.messageId).catch((error) => this.#composer.failed(error));
      run.abort.abort();
    } else {
      setTimeout(() => run.abort.abort(), 3000);
    }
  }

  #started({ conversationId, messageId }, parentId) {
    announce('The answer begins.');
    if (!this.#conversation) {
      this.#conversation = conversationId;
      this.#composer.belongTo(conversationId);
      settle(addressOf('chat', conversationId));
      this.#showBar(this.#tree.path()[0]?.content.split('\n')[0]);
    }
    dispatchEvent(new Event('conversationschanged'));
    const answer = messageOf({ id: messageId, parentId, role: 'MESSAGE_ROLE_ASSISTANT' });
    this.#tree.add(answer);
    this.#draw();
    const node = this.#log.lastElementChild;
    node.begin(answer);
    this.#follow(true);
    return node;
  }

  #completed(node, { finishReason, citations }) {
    node.message.citations = (citations ?? []).map(sourceOf);
    this.#finish(node, finishReason ?? 'stop');
    announce(finishReason === 'cancelled' ? 'The answer was stopped.' : 'The answer is complete.');
  }

  #interrupted(node, error, retry) {
    const stopped = error.name === 'AbortError';
    if (!node) {
      // The words take room from the log.
      const isAtEnd = this.#isAtEnd;
      if (!stopped) this.#composer.failed(error, retry);
      this.#follow(isAtEnd);
      return;
    }
    node.message.failure = stopped ? '' : error.message;
    this.#finish(node, stopped ? 'cancelled' : 'failed');
    announce(stopped ? 'The answer was stopped.' : 'The answer failed.');
  }

  #finish(node, finishReason) {
    const { message } = node;
    message.finishReason = finishReason;
    const alternatives = this.#tree.alternatives(message);
    node.show(message, { index: alternatives.indexOf(message), count: alternatives.length });
    this.#follow();
  }

  /** Keeps the end in sight, unless the reader has scrolled up to read. */
  #follow(always = false) {
    if (always || this.#isAtEnd) this.#log.scrollTop = this.#log.scrollHeight;
  }

  get #isAtEnd() {
    return this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < 160;
  }
}

customElements.define('ot-chat', Chat);
