// What was handed in, and what became of it.

import { button, el, emptyState, fill } from './dom.js';
import { pageOf } from './api.js';
import { submissionOf } from './contract.js';
import { bytes, exactly, when } from './format.js';
import { addressOf } from './router.js';
import { currentSession, may } from './session.js';
import { pagedList, pageHead } from './paged-list.js';
import './job-progress.js';

const names = { pending: 'Waiting for review', approved: 'Approved', rejected: 'Rejected' };

export function statusBadge(status) {
  return el('span', { class: `badge ${status}` }, names[status] ?? status);
}

/** Whether a user is the reader; the server gives the ids of people here, not their names. */
export function isReader(id) {
  return id !== '' && id === currentSession()?.user.id;
}

/** One line about a submission: what it is, who handed it in, when. */
export function about(submission) {
  const what = submission.url || submission.fileName || 'Text';
  return el('p', { class: 'meta' }, what,
    submission.byteCount > 0 && ` · ${bytes(submission.byteCount)}`, isReader(submission.contributorId) && ' · by you', ' · ',
    el('time', { datetime: submission.createdAt, title: exactly(submission.createdAt) }, when(submission.createdAt)));
}

class Submissions extends HTMLElement {
  connectedCallback() {
    const admin = may(currentSession()?.user, 'USER_ROLE_ADMIN');
    const submit = el('a', { class: 'button primary', href: '#/submit' }, 'Submit knowledge');
    fill(this, el('div', { class: 'page' },
      pageHead(admin ? 'All submissions' : 'My submissions', 'What was handed in, and what became of it.', submit),
      pagedList({
        label: 'Submissions',
        load: (pageToken) => pageOf('/submissions', 'submissions', { pageToken }),
        row: (wire) => this.#row(submissionOf(wire)),
        empty: () => emptyState('list', 'Nothing handed in yet',
          'What you submit appears here, with the reviewer’s decision.'),
      })));
  }

  #row(submission) {
    const item = el('li', { class: 'row-item' },
      el('div', { class: 'row-head' }, el('h2', {}, submission.title), statusBadge(submission.status)),
      about(submission),
      submission.note && el('blockquote', { class: 'note' }, submission.note),
      submission.reviewedAt && el('p', { class: 'meta' }, `${names[submission.status] ?? submission.status} `,
        el('time', { datetime: submission.reviewedAt, title: exactly(submission.reviewedAt) },
          when(submission.reviewedAt)),
        isReader(submission.reviewedBy) && ' by you'));
    if (submission.jobId) item.append(this.#ingestion(submission));
    return item;
  }

  /** Progress is a stream for each job, so an old submission's is opened only when somebody asks for it. */
  #ingestion(submission) {
    if (submission.documentId) {
      return el('a', { class: 'button', href: addressOf('documents', submission.documentId) }, 'Open the document');
    }
    const show = button('Show ingestion', () => show.replaceWith(el('ot-job', { job: submission.jobId })));
    return show;
  }
}

customElements.define('ot-submissions', Submissions);
