// What a model did before it answered: the tools that it asked for, with what they were asked and what came of it.

import { el, fill, icon } from './dom.js';
import { count } from './format.js';

// By the names of the server's tools (docs/models.md); any other is shown as it was called.
const tools = {
  search_knowledge: {
    icon: 'search', doing: 'Looking for more passages…',
    words: ({ query }) => typeof query === 'string' && ['Searched for ', el('q', {}, query)],
  },
  read_document: {
    icon: 'book', doing: 'Reading on in a document…',
    words: ({ passage, reach = 2 }) => Number.isInteger(passage) && Number.isInteger(reach)
      && `Read on around passage ${passage}, ${count(reach, 'passage')} each way`,
  },
};

/** What a step is about, while it is under way. */
export function doing({ name }) {
  return tools[name]?.doing ?? `Using the tool ${name}…`;
}

/** Shows steps in `node`, closed until the reader opens it; `open` is given a passage and the button that asked for it. */
export class ToolSteps {
  #title = el('span', {});
  #list = el('ol', {});
  #open;
  node = el('details', { class: 'steps', hidden: true },
    el('summary', {}, icon('tool'), this.#title), this.#list);

  constructor(open) {
    this.#open = open;
  }

  /** `hasEnded`: a step without an outcome will get none. */
  show(steps, hasEnded) {
    this.node.hidden = steps.length === 0;
    if (steps.length === 0) return;
    fill(this.#title, title(steps, hasEnded));
    // Rows are kept, so that the focus in one of them is not lost when the next step comes.
    steps.forEach((step, index) => {
      const key = step.outcome ? 'done' : `${hasEnded ? 'ended' : 'open'}`;
      const old = this.#list.children[index];
      if (old?.dataset.state === key) return;
      const row = el('li', { 'data-state': key }, this.#row(step, hasEnded));
      if (old) old.replaceWith(row);
      else this.#list.append(row);
    });
    while (this.#list.children.length > steps.length) this.#list.lastChild.remove();
  }

  #row(step, hasEnded) {
    const tool = tools[step.name];
    const words = tool?.words(argumentsOf(step.arguments));
    return [
      el('p', { class: 'step-call' }, icon(tool?.icon ?? 'tool'), el('span', {}, words || `Called ${step.name}`)),
      !words && step.arguments !== '' && el('pre', { tabindex: '0', role: 'region',
        'aria-label': `Arguments of ${step.name}` }, step.arguments),
      this.#outcome(step, hasEnded),
    ];
  }

  #outcome({ name, outcome }, hasEnded) {
    if (!outcome) return el('p', { class: 'step-outcome' }, hasEnded ? 'Ended before it had a result' : 'Under way…');
    if (outcome.isError) {
      return el('p', { class: 'step-outcome failed' }, icon('warning'),
        el('span', {}, `No result: ${outcome.summary}`));
    }
    return el('div', { class: 'step-outcome' },
      el('p', {}, outcome.sources.length === 0 && name in tools ? 'Nothing new' : capital(outcome.summary)),
      outcome.sources.length > 0 && el('ul', { 'aria-label': 'Passages found' }, outcome.sources.map((source) =>
        el('li', {}, this.#passage(source)))));
  }

  #passage(source) {
    const node = el('button', { class: 'step-passage', type: 'button', on: { click: () => this.#open(source, node) } },
      el('span', { class: 'source-number' }, `${source.marker}`), el('span', {}, source.title));
    return node;
  }
}

function title(steps, hasEnded) {
  const last = steps.at(-1);
  if (!last.outcome && !hasEnded) return doing(last);
  const found = steps.reduce((sum, { outcome }) => sum + (outcome?.sources.length ?? 0), 0);
  const failed = steps.filter(({ outcome }) => outcome?.isError).length;
  return [
    `${count(steps.length, 'step')} before the answer`, found > 0 && count(found, 'more passage'),
    failed > 0 && `${failed} without a result`,
  ].filter(Boolean).join(' · ');
}

/** A model writes arguments as it likes: what is no object has none that we know. */
function argumentsOf(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
