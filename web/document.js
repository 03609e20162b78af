// One document: its revisions, and a revision's text with a passage marked.

import { el, fill, loading, notice } from './dom.js';
import { call } from './api.js';
import { bytes, exactly, when } from './format.js';
import { addressOf, go } from './router.js';
import { isReader } from './submissions.js';
import { pageHead } from './paged-list.js';
import { rangesOf } from './passage.js';

class DocumentView extends HTMLElement {
  async connectedCallback() {
    const id = this.getAttribute('document');
    const path = `/documents/${encodeURIComponent(id)}`;
    fill(this, el('div', { class: 'page' }, loading('Opening the document…')));
    try {
      const [{ document }, { revisions = [] }] =
        await Promise.all([call('GET', path), call('GET', `${path}/revisions`)]);
      const shown = this.getAttribute('revision') || document.currentRevisionId;
      const passage = el('ot-passage');
      fill(this, el('div', { class: 'page' },
        back(),
        pageHead(document.title || 'Untitled document', document.sourceUri),
        this.#facts(revisions, shown), this.#revisions(id, revisions, shown), passage));
      await passage.show({ documentId: id, revisionId: shown, ranges: rangesOf(this.getAttribute('at') ?? '') });
    } catch (error) {
      fill(this, el('div', { class: 'page' }, back(), notice(error)));
    }
  }

  #facts(revisions, shown) {
    const revision = revisions.find((each) => each.id === shown);
    if (!revision) return null;
    return el('p', { class: 'meta' },
      `Revision ${revision.number ?? 1} · ${bytes(revision.byteCount ?? 0)}`,
      isReader(revision.submitterId) && ' · submitted by you', isReader(revision.approverId) && ' · approved by you',
      ' · ',
      el('time', { datetime: revision.publishedAt, title: exactly(revision.publishedAt) }, when(revision.publishedAt)),
      revision.supersededAt && ' · a newer revision has taken its place');
  }

  #revisions(id, revisions, shown) {
    if (revisions.length < 2) return null;
    const open = () => go(addressOf('documents', id, { revision: choice.value }));
    const choice = el('select', { id: 'revision', on: { change: open } }, revisions.map((revision) =>
      el('option', { value: revision.id, selected: revision.id === shown },
        `Revision ${revision.number ?? 1}, ${exactly(revision.publishedAt)}`)));
    return el('div', { class: 'field inline' }, el('label', { for: 'revision' }, 'Shown'), choice);
  }
}

function back() {
  return el('a', { class: 'back', href: '#/documents' }, '← Documents');
}

customElements.define('ot-document', DocumentView);
