// One message of a conversation: a question as it was typed, an answer as Markdown with citation markers.

import { announce, el, fill, iconButton } from './dom.js';
import { count, pages } from './format.js';
import { MarkdownStream, markdownNodes } from './markdown.js';
import { provenance } from './source-panel.js';
import { ToolSteps, doing } from './tool-steps.js';

class Message extends HTMLElement {
  #message;
  #head = el('h2', { class: 'visually-hidden' });
  #steps = new ToolSteps((source, opener) => this.#open([source], opener));
  #body = el('div', { class: 'message-body' });
  #foot = el('div', { class: 'message-foot' });
  #stream = null;
  #waiting = '';
  #frame = 0;

  get message() {
    return this.#message;
  }

  /**
   * Shows a message that is complete. `place` is `{ index, count }` among the alternatives. Asks its surroundings by
   * events: `opensource` (detail: its spans and what opened it), `regenerate`, `choose` (detail: -1 or 1).
   */
  show(message, place = { index: 0, count: 1 }) {
    this.#flush();
    this.#message = message;
    this.className = `message ${message.role}`;
    this.id = `message-${message.id}`;
    const asked = message.role === 'user';
    fill(this.#body, asked
      ? el('p', { class: 'question' }, message.content) : markdownNodes(message.content, this.#context()));
    fill(this.#foot, !asked && this.#endNote(), !asked && this.#citations(), this.#actions(asked, place));
    this.#steps.show(message.steps, true);
    this.#place(asked);
  }

  #place(asked = false) {
    this.#head.textContent = asked ? 'You asked' : 'Answer';
    const parts = [this.#head, !asked && this.#steps.node, this.#body, this.#foot].filter(Boolean);
    // What stands there already keeps the focus that is in it.
    if (parts.some((part, index) => this.childNodes[index] !== part)) fill(this, parts);
  }

  /** Begins an answer that arrives in pieces. */
  begin(message) {
    this.#message = message;
    this.className = 'message assistant streaming';
    this.id = `message-${message.id}`;
    this.#stream = null;
    fill(this.#body, el('p', { class: 'thinking' }, 'Looking for passages…'));
    fill(this.#foot);
    this.#steps.show(message.steps, false);
    this.#place();
  }

  sources(sources) {
    this.#message.sources = sources;
    const text = sources.length === 0 ? 'Nothing relevant found…' : `Reading ${count(sources.length, 'passage')}…`;
    fill(this.#body, el('p', { class: 'thinking' }, text));
  }

  /** The model looks for more, which takes a while; what it has said so far stays. */
  toolCall(step) {
    this.#message.steps.push(step);
    this.#steps.show(this.#message.steps, false);
    this.#working(doing(step));
    announce(doing(step));
  }

  /** The passages that a tool has found come behind those that there are. */
  toolResult(outcome) {
    // Ids are unique within one round of calls, and a result comes before the next round.
    const step = this.#message.steps.findLast(({ id, outcome: known }) => id === outcome.id && !known);
    if (step) step.outcome = outcome;
    this.#message.sources = [...this.#message.sources, ...outcome.sources];
    this.#steps.show(this.#message.steps, false);
    const { length } = outcome.sources;
    this.#working(length > 0 ? `Reading ${count(length, 'more passage')}…` : 'Thinking…');
  }

  /** Says what is going on behind what has been said, or in place of it. */
  #working(text) {
    this.#flush();
    const line = el('p', { class: 'thinking' }, text);
    if (this.#stream) fill(this.#foot, line);
    else fill(this.#body, line);
    this.dispatchEvent(new CustomEvent('grown', { bubbles: true }));
  }

  /** Adds a piece of the answer; pieces that come within one frame are drawn together. */
  delta(text) {
    this.#message.content += text;
    this.#waiting += text;
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#waiting === '') return;
    if (!this.#stream) {
      fill(this.#body);
      this.#stream = new MarkdownStream(this.#body, this.#context());
    }
    // What is going on is said in the foot until the answer goes on; the empty line before that is no word yet.
    if (this.#waiting.trim() !== '') fill(this.#foot);
    this.#stream.append(this.#waiting);
    this.#waiting = '';
    this.dispatchEvent(new CustomEvent('grown', { bubbles: true }));
  }

  /** The spans that a marker stands for: those that the server checked, or, while the answer grows, its source. */
  #spansOf(marker) {
    const { citations, sources } = this.#message;
    const spans = citations.filter((each) => each.marker === marker);
    return spans.length > 0 ? spans : sources.filter((each) => each.marker === marker);
  }

  /** Where a marker stands as often as it has spans, each mention stands for its own; else each stands for all. */
  #spansOfMention(marker, mention) {
    const spans = this.#spansOf(marker);
    const mentions = [...this.#body.querySelectorAll(`[data-marker="${marker}"]`)];
    return spans.length === mentions.length ? [spans[mentions.indexOf(mention)]] : spans;
  }

  #context() {
    return {
      citation: (marker) => {
        const [source] = this.#spansOf(marker);
        if (!source) return null;
        const cited = [source.title, pages(source)].filter(Boolean).join(', ');
        const node = el('button', {
          class: 'citation', type: 'button', 'data-marker': marker, title: cited,
          'aria-label': `Source ${marker}: ${cited}`,
          on: { click: () => this.#open(this.#spansOfMention(marker, node), node) },
        }, `${marker}`);
        return node;
      },
    };
  }

  #open(spans, opener) {
    this.dispatchEvent(new CustomEvent('opensource', { bubbles: true, detail: { spans, opener } }));
  }

  #endNote() {
    const notes = {
      cancelled: 'You stopped this answer.',
      length: 'The answer reached the model’s length limit.',
      failed: this.#message.failure || 'The model failed before the answer was complete.',
    };
    const note = notes[this.#message.finishReason];
    if (!note) return null;
    const failed = this.#message.finishReason === 'failed';
    return el('p', { class: failed ? 'notice' : 'end-note', role: failed ? 'alert' : null }, note);
  }

  #citations() {
    const markers = new Set(this.#message.citations.map((each) => each.marker));
    if (markers.size === 0) return null;
    return el('section', { class: 'sources', 'aria-label': 'Sources of this answer' },
      el('ul', {}, [...markers].map((marker) => el('li', {}, this.#card(this.#spansOf(marker))))));
  }

  #card(spans) {
    const [source] = spans;
    const card = el('button', { class: 'source-card', type: 'button', on: { click: () => this.#open(spans, card) } },
      el('span', { class: 'source-number' }, `${source.marker}`),
      el('span', { class: 'source-title' }, source.title),
      el('span', { class: 'source-people' }, provenance(source)));
    return card;
  }

  #actions(asked, { index, count: alternatives }) {
    const step = (by) => this.dispatchEvent(new CustomEvent('choose', { bubbles: true, detail: by }));
    const kind = asked ? 'question' : 'answer';
    const others = alternatives > 1 && el('span', { class: 'alternatives' },
      action('left', `Previous ${kind}`, () => step(-1), index === 0),
      el('span', { 'aria-label': `${kind} ${index + 1} of ${alternatives}`, role: 'img' },
        `${index + 1} / ${alternatives}`),
      action('right', `Next ${kind}`, () => step(1), index === alternatives - 1));
    if (asked) return others && el('div', { class: 'actions' }, others);
    return el('div', { class: 'actions' },
      action('copy', 'Copy the answer', () => this.#copy()),
      action('refresh', 'Answer again', () => this.dispatchEvent(new CustomEvent('regenerate', { bubbles: true }))),
      others);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#message.content);
      announce('The answer was copied.');
    } catch {
      announce('The browser did not allow copying.');
    }
  }
}

function action(iconName, name, run, disabled = false) {
  return iconButton(iconName, name, run, { class: 'small', disabled });
}

customElements.define('ot-message', Message);
