// The ingestion of an approved submission, followed as it happens: <ot-job job="ID">.

import { announce, el, fill, icon } from './dom.js';
import { ApiError, stream } from './api.js';
import { collectionStages, isFinal, jobOf, stages as documentStages } from './contract.js';
import { addressOf } from './router.js';

const names = {
  queued: 'Queued', collecting: 'Collecting', importing: 'Importing',
  extracting: 'Extracting', chunking: 'Chunking', embedding: 'Embedding', indexed: 'Indexed',
};
const endings = {
  indexed: 'The document can be found now.', failed: 'The ingestion failed.', cancelled: 'The ingestion was cancelled.',
};
const firstDelay = 1000; // milliseconds; doubles with each lost connection that brought nothing
const lastDelay = 30_000;

class JobProgress extends HTMLElement {
  #abort = new AbortController();
  #job = null;

  connectedCallback() {
    this.#abort = new AbortController();
    this.#draw('');
    this.#follow(this.#abort.signal);
  }

  disconnectedCallback() {
    this.#abort.abort();
  }

  async #follow(signal) {
    let delay = firstDelay;
    while (!signal.aborted && !(this.#job && isFinal(this.#job))) {
      try {
        const path = `/jobs/${encodeURIComponent(this.getAttribute('job'))}/events`;
        for await (const { message } of stream('GET', path, { signal })) {
          this.#job = jobOf(message);
          delay = firstDelay;
          this.#draw('');
        }
      } catch (error) {
        if (error.name === 'AbortError') return;
        this.#draw(error.message);
        // What the server refuses now it refuses later; what was lost on the way is tried again.
        if (error instanceof ApiError && error.code !== 'unavailable') return;
      }
      if (this.#job && isFinal(this.#job)) break;
      await new Promise((resolve) => { setTimeout(resolve, delay); });
      delay = Math.min(delay * 2, lastDelay);
    }
    if (signal.aborted) return;
    announce(endings[this.#job.state]);
    this.dispatchEvent(new CustomEvent('jobended', { bubbles: true, detail: this.#job }));
  }

  #draw(problem) {
    const job = this.#job;
    const state = job?.state ?? 'queued';
    this.setAttribute('state', state);
    const failed = state === 'failed';
    const cancelled = state === 'cancelled';
    const isCollection = [state, ...(job?.stages ?? []).map((each) => each.stage)].includes('collecting');
    const stages = isCollection ? collectionStages : documentStages;
    // A job that ended early stands at the last stage that it began, and so does a collection between its turns.
    const reached = failed || cancelled || (isCollection && state === 'queued')
      ? Math.max(0, ...job.stages.map((each) => stages.indexOf(each.stage))) : stages.indexOf(state);
    fill(this,
      el('ol', { class: 'stages', 'aria-label': 'Ingestion' }, stages.map((stage, index) => {
        const done = index < reached || state === 'indexed';
        const current = index === reached && !done;
        const kind = (done && 'done') || (current && (failed ? 'broken' : 'current'));
        return el('li', { class: kind, 'aria-current': current ? 'step' : null },
          el('span', { class: 'stage-mark' }, done && icon('check')), names[stage],
          done && el('span', { class: 'visually-hidden' }, ', done'), current && this.#bar(stage));
      })),
      job?.error && el('p', { class: 'notice', role: 'alert' },
        failed ? `Ingestion failed: ${job.error}`
          : `Attempt ${job.attempts} failed and will be made again: ${job.error}`),
      cancelled && el('p', { class: 'notice' }, 'The ingestion was cancelled.'),
      problem && el('p', { class: 'notice', role: 'alert' }, problem),
      state === 'indexed' && job.documentId
        && el('a', { class: 'button', href: addressOf('documents', job.documentId) },
          icon('document'), 'Open the document'));
  }

  #bar(stage) {
    const progress = this.#job?.stages.find((each) => each.stage === stage);
    if (!progress || progress.total === 0) return null;
    const text = `${progress.done.toLocaleString()} of ${progress.total.toLocaleString()}`;
    return el('span', { class: 'stage-bar' },
      el('progress', { max: progress.total, value: progress.done, 'aria-label': names[stage] }), text);
  }
}

customElements.define('ot-job', JobProgress);
