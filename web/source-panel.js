// The panel beside a conversation that shows a cited passage in its document: beside the answer where there is room,
// over it where there is not.

import { el, fill, icon, iconButton } from './dom.js';
import { addressOf } from './router.js';
import { rangesText } from './passage.js';
import { pages } from './format.js';

const wide = matchMedia('(min-width: 70rem)');

/** Where in its file a source stands, and who answers for it. */
export function provenance(source) {
  const { submittedBy, approvedBy } = source;
  return [pages(source), submittedBy && `Submitted by ${submittedBy}`, approvedBy && `approved by ${approvedBy}`]
    .filter(Boolean).join(' · ');
}

class SourcePanel extends HTMLElement {
  #dialog = el('dialog', { class: 'source-panel', 'aria-labelledby': 'source-title' });
  #opener = null;

  connectedCallback() {
    fill(this, this.#dialog);
    this.#dialog.addEventListener('close', () => this.#closed());
    this.#dialog.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
  }

  /** Shows the cited spans of one source; `opener` gets the focus back when the panel is closed. */
  async open(spans, opener) {
    const [source] = spans;
    if (this.#dialog.open && this.#dialog.matches(':modal') === wide.matches) this.#dialog.close();
    this.#opener = opener;
    const passage = el('ot-passage');
    const address = addressOf('documents', source.documentId,
      { revision: source.revisionId, at: rangesText(spans) });
    const title = el('h2', { id: 'source-title', tabindex: '-1' }, source.title);
    fill(this.#dialog,
      el('header', {},
        el('div', {},
          el('p', { class: 'eyebrow' }, source.marker ? `Source ${source.marker}` : 'Source'), title),
        iconButton('close', 'Close the source', () => this.close())),
      el('dl', { class: 'provenance' },
        fact('Where', pages(source)), fact('Submitted by', source.submittedBy), fact('Approved by', source.approvedBy)),
      passage,
      el('footer', { class: 'row' },
        el('a', { class: 'button', href: address }, icon('document'), 'Open the document'),
        el('span', { class: 'meta' }, spans.length > 1 ? `${spans.length} passages`
          : `Bytes ${source.startOffset.toLocaleString()} to ${source.endOffset.toLocaleString()}`)));
    if (!this.#dialog.open) wide.matches ? this.#dialog.show() : this.#dialog.showModal();
    this.toggleAttribute('open', true);
    title.focus();
    await passage.show({ ...source, ranges: spans });
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  #closed() {
    this.removeAttribute('open');
    fill(this.#dialog);
    if (this.#opener?.isConnected) this.#opener.focus();
    this.#opener = null;
  }
}

function fact(name, value) {
  return value ? el('div', {}, el('dt', {}, name), el('dd', {}, value)) : null;
}

customElements.define('ot-source-panel', SourcePanel);
