// One budget, with what can be done to it.

import { announce, busy, button, el, fill, notice } from './dom.js';
import { call } from './api.js';
import { budgetOf } from './contract.js';
import { amountText, microsOf } from './format.js';
import { drafts } from './session.js';
import { budgetState, isOverridden } from './budget-state.js';

const hour = 3_600_000;
const longestReason = 500;

/** A field for an amount; `micros()` gives what was typed in millionths, and throws words for what is no amount. */
export function amountField(id, currency, { draft = '', value = '' }) {
  const input = el('input', {
    id, inputmode: 'decimal', autocomplete: 'off', 'aria-describedby': `${id}-hint`,
    on: { input: () => draft && drafts.write(draft, input.value) },
  });
  input.value = value || (draft ? drafts.read(draft) : '');
  return {
    input,
    field: el('div', { class: 'field' }, el('label', { for: id }, `Amount a month, in ${currency}`), input,
      el('p', { class: 'hint', id: `${id}-hint` },
        'What this month has cost so far counts. With 0, nothing that costs something is called.')),
    clear: () => { input.value = ''; },
    micros() {
      const micros = microsOf(input.value);
      if (micros !== null) return micros;
      input.focus();
      throw new Error('The amount is a number such as 250 or 12.50, with at most six places behind the point.');
    },
  };
}

/** A budget with what can be done to it. Tells by `changed` and `removed`. */
export class BudgetItem extends HTMLElement {
  #budget;
  #people;
  #below = el('div', {});

  constructor(budget, people) {
    super();
    this.#budget = budget;
    this.#people = people;
  }

  connectedCallback() {
    this.#draw();
  }

  get #name() {
    return this.#budget.userId === '' ? 'The organisation' : this.#people.name(this.#budget.userId);
  }

  #draw() {
    const budget = this.#budget;
    fill(this, budgetState(el('h2', { tabindex: '-1' }, this.#name), budget, this.#people.currency), this.#below);
    this.#offer();
  }

  #offer(focused = '') {
    const overridden = isOverridden(this.#budget);
    const action = (name, run) => {
      const node = button(name, run);
      node.setAttribute('aria-label', `${name}: ${this.#name}`);
      return [name, node];
    };
    const actions = new Map([
      action('Change the amount', () => this.#change()),
      overridden ? action('End the override', () => this.#end()) : action('Override', () => this.#override()),
      action('Remove', () => this.#confirm()),
    ]);
    fill(this.#below, el('div', { class: 'row' }, [...actions.values()]));
    actions.get(focused)?.focus();
  }

  /** Opens a form below; `send` does it and gives what is announced. */
  #ask({ from, name, kind = 'primary', fields, send }) {
    const result = el('div', {});
    const sure = el('button', { class: `button ${kind}`, type: 'submit' }, name);
    fill(this.#below, el('form', { class: 'inline-form', 'aria-label': `${from}: ${this.#name}`, novalidate: true, on: {
      submit: (event) => {
        event.preventDefault();
        fill(result);
        busy(sure, (error) => fill(result, notice(error)), async () => announce(await send()));
      },
      keydown: (event) => { if (event.key === 'Escape') this.#offer(from); },
    } }, fields, result, el('div', { class: 'row' }, sure, button('Cancel', () => this.#offer(from)))));
    // What is destroyed is not destroyed by one key too many.
    this.#below.querySelector('input, select, textarea, .row .button:last-child').focus();
  }

  /** Shows the budget as the server has it now. */
  #became(wire) {
    this.#budget = budgetOf(wire);
    this.#draw();
    this.querySelector('h2').focus();
    this.dispatchEvent(new Event('changed'));
  }

  #change() {
    const { id, userId, limit } = this.#budget;
    const amount = amountField(`amount-${id}`, this.#people.currency, { value: amountText(limit) });
    this.#ask({ from: 'Change the amount', name: 'Change the amount', fields: amount.field, send: async () => {
      const { budget } = await call('POST', '/budgets', {
        json: { userId: userId || undefined, limitMicros: amount.micros() } });
      this.#became(budget);
      return 'The amount was changed.';
    } });
  }

  #reason(hint) {
    const id = `reason-${this.#budget.id}`;
    const draft = `budget.${id}`;
    const box = el('textarea', { id, rows: '2', maxlength: longestReason, 'aria-describedby': `${id}-hint`,
      on: { input: () => drafts.write(draft, box.value) } });
    box.value = drafts.read(draft);
    return { box, clear: () => drafts.write(draft, ''), field: el('div', { class: 'field' },
      el('label', { for: id }, 'Reason'), box, el('p', { class: 'hint', id: `${id}-hint` }, hint)) };
  }

  #override() {
    const { id, periodEnd } = this.#budget;
    const ends = [
      ['For 1 hour', () => Date.now() + hour], ['For 24 hours', () => Date.now() + 24 * hour],
      ['For 7 days', () => Date.now() + 7 * 24 * hour], ['Until the month ends (UTC)', () => Date.parse(periodEnd)],
    ];
    const choice = el('select', { id: `until-${id}` }, ends.map(([name], index) =>
      el('option', { value: index, selected: index === 1 }, name)));
    const reason = this.#reason('Needed, and written to the log.');
    const fields = [
      el('p', {}, 'Calls pass whatever they cost while the override holds.'),
      el('div', { class: 'field' }, el('label', { for: `until-${id}` }, 'How long'), choice), reason.field,
    ];
    this.#ask({ from: 'Override', name: 'Override the budget', fields, send: async () => {
      const budget = await this.#decide(new Date(ends[choice.value][1]()), reason);
      if (!budget.override) {
        throw new Error('The server took that time for one that is over: the clock of this device seems to be wrong.');
      }
      this.#became(budget);
      reason.clear();
      return 'The budget is overridden.';
    } });
  }

  #end() {
    const reason = this.#reason('Needed, and written to the log.');
    this.#ask({ from: 'End the override', name: 'End the override', fields: reason.field, send: async () => {
      this.#became(await this.#decide(new Date(0), reason));
      reason.clear();
      return 'The override has ended.';
    } });
  }

  /** Overrides until `end`, or ends that; the budget as the server tells it. */
  async #decide(end, reason) {
    if (reason.box.value.trim() === '') {
      reason.box.focus();
      throw new Error('Give a reason.');
    }
    const { budget } = await call('POST', `/budgets/${encodeURIComponent(this.#budget.id)}/override`,
      { json: { expiresAt: end.toISOString(), reason: reason.box.value } });
    return budget;
  }

  #confirm() {
    const fields = el('p', {}, 'Remove this budget? Calls may then cost what they cost.');
    this.#ask({ from: 'Remove', name: 'Remove the budget', kind: 'danger', fields, send: async () => {
      await call('DELETE', `/budgets/${encodeURIComponent(this.#budget.id)}`);
      this.dispatchEvent(new Event('removed'));
      return 'The budget was removed.';
    } });
  }
}

customElements.define('ot-budget-item', BudgetItem);
