// The queue of submissions that wait for a decision, for admins.

import { announce, busy, button, el, emptyState, fill, loading, notice } from './dom.js';
import { call, pageOf } from './api.js';
import { submissionOf } from './contract.js';
import { bytes } from './format.js';
import { addressOf } from './router.js';
import { about } from './submissions.js';
import { currentSession, drafts, may } from './session.js';
import { pagedList, pageHead } from './paged-list.js';
import './job-progress.js';

class Review extends HTMLElement {
  connectedCallback() {
    if (!may(currentSession()?.user, 'USER_ROLE_ADMIN')) {
      fill(this, el('div', { class: 'page' }, pageHead('Review', 'Only admins review submissions.')));
      return;
    }
    fill(this, el('div', { class: 'page' },
      pageHead('Review', 'Nothing can be found or cited before somebody has approved it.'),
      pagedList({
        label: 'Submissions waiting for review',
        load: (pageToken) =>
          pageOf('/submissions', 'submissions', { query: { status: 'SUBMISSION_STATUS_PENDING' }, pageToken }),
        row: (wire) => el('li', { class: 'row-item' }, new ReviewItem(submissionOf(wire))),
        empty: () => emptyState('check', 'Nothing waits for review', 'New submissions appear here.'),
      })));
  }
}

class ReviewItem extends HTMLElement {
  #submission;
  #content = el('div', {});
  #failure = el('div', {});
  #opened = false;

  constructor(submission) {
    super();
    this.#submission = submission;
  }

  connectedCallback() {
    const { title, id } = this.#submission;
    const draft = `review.${id}`;
    const note = el('textarea', { id: `note-${id}`, rows: '2',
      on: { input: () => drafts.write(draft, note.value) } });
    note.value = drafts.read(draft);
    const approve = button('Approve', () => this.#decide('approve', note, approve), 'primary');
    const reject = button('Reject', () => this.#decide('reject', note, reject));
    const details = el('details', { on: { toggle: () => details.open && this.#open() } },
      el('summary', {}, 'Read it'), this.#content);
    fill(this, el('h2', {}, title), about(this.#submission), details,
      el('div', { class: 'field' }, el('label', { for: `note-${id}` }, 'Note to the contributor'), note,
        el('p', { class: 'hint' }, 'Needed to reject, welcome to approve.')),
      this.#failure, el('div', { class: 'row' }, approve, reject));
  }

  async #open() {
    if (this.#opened) return;
    this.#opened = true;
    fill(this.#content, loading());
    try {
      const answer = await call('GET', `/submissions/${encodeURIComponent(this.#submission.id)}`);
      fill(this.#content, this.#contentOf(answer), this.#similarTo(answer), this.#pendingLike(answer));
    } catch (error) {
      this.#opened = false;
      fill(this.#content, notice(error));
    }
  }

  #contentOf({ text, textTruncated }) {
    const submission = this.#submission;
    if (text) {
      return [
        el('div', { class: 'text', tabindex: '0', role: 'region', 'aria-label': `Content of ${submission.title}` },
          text),
        textTruncated
          && el('p', { class: 'hint' }, `Only the beginning is shown; the whole has ${bytes(submission.byteCount)}.`),
      ];
    }
    if (submission.url) {
      return el('p', {}, 'The page is read when you approve: ',
        el('a', { href: submission.url, target: '_blank', rel: 'noopener noreferrer nofollow' }, submission.url));
    }
    return el('p', { class: 'hint' }, 'The content of this submission cannot be shown as text.');
  }

  /** The documents that it is much like, each with the passage that both have. */
  #similarTo({ similar = [] }) {
    if (similar.length === 0) return null;
    const known = similar.some((other) => other.isIdentical);
    return el('section', { class: 'similar', 'aria-label': `Documents like ${this.#submission.title}` },
      el('h3', {}, known ? 'It is there already' : 'Much like it'),
      el('ul', {}, ...similar.map((other) => el('li', {},
        el('a', { href: addressOf('documents', other.documentId) }, other.title),
        el('span', { class: 'meta' },
          other.isIdentical ? ' · the same text' : ` · ${Math.round(other.similarity * 100)} % alike`),
        other.sharedText && el('blockquote', {}, other.sharedText)))));
  }

  /** The other submissions waiting for review that it is much like, each with the passage that both have. */
  #pendingLike({ similarSubmissions = [] }) {
    if (similarSubmissions.length === 0) return null;
    return el('section', { class: 'similar', 'aria-label': `Waiting submissions like ${this.#submission.title}` },
      el('h3', {}, 'Also waiting for review'),
      el('ul', {}, ...similarSubmissions.map((other) => el('li', {},
        el('strong', {}, other.title),
        el('span', { class: 'meta' },
          other.isIdentical ? ' · the same' : ` · ${Math.round(other.similarity * 100)} % alike`),
        other.sharedText && el('blockquote', {}, other.sharedText)))));
  }

  #decide(decision, note, pressed) {
    fill(this.#failure);
    busy(pressed, (error) => fill(this.#failure, notice(error)), async () => {
      const text = note.value.trim();
      const answer = await call('POST', `/submissions/${encodeURIComponent(this.#submission.id)}/${decision}`,
        { json: text === '' ? {} : { note: text } });
      drafts.write(`review.${this.#submission.id}`, '');
      const jobId = answer.jobId ?? answer.submission?.jobId;
      const heading = el('h2', { tabindex: '-1' }, this.#submission.title);
      fill(this, heading,
        el('p', { class: 'meta' }, `${decision === 'approve' ? 'Approved' : 'Rejected'} by you, just now`),
        jobId && el('ot-job', { job: jobId }));
      heading.focus();
      announce(decision === 'approve' ? 'Approved.' : 'Rejected.');
    });
  }
}

customElements.define('ot-review-item', ReviewItem);
customElements.define('ot-review', Review);
