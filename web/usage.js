// What calls of models have used and cost: the reader's own, and for admins everybody's.

import { announce, el, emptyState, fill, icon, loading, notice } from './dom.js';
import { call } from './api.js';
import { usageOf } from './contract.js';
import { count, dayName, money } from './format.js';
import { addressOf, settle } from './router.js';
import { currentSession, may } from './session.js';
import { moreRows, pageHead } from './paged-list.js';
import { retryOf } from './wait.js';
import { barChart } from './bar-chart.js';
import { usageRow, usageTable } from './usage-table.js';
import { budgetState } from './budget-state.js';

// The last is shown by months: as many bars as days would be hairlines.
const periods = [
  { value: '7', name: 'Last 7 days' }, { value: '30', name: 'Last 30 days' },
  { value: '90', name: 'Last 90 days' }, { value: 'year', name: 'Last 12 months', isByMonth: true },
];
const measures = [
  { value: 'tokens', name: 'Tokens', of: ({ tokens }) => tokens, text: (value) => count(value, 'token') },
  { value: 'requests', name: 'Requests', of: ({ requests }) => requests, text: (value) => count(value, 'request') },
  { value: 'cost', name: 'Cost', of: ({ cost }) => cost, text: money },
];
const dayLength = 86_400_000;

class Usage extends HTMLElement {
  #period = periods[1];
  #measure = measures[0];
  #user = '';
  #head = el('div', {});
  #content = el('div', { class: 'usage' });
  #abort = new AbortController();

  connectedCallback() {
    this.#period = periods.find(({ value }) => value === this.getAttribute('period')) ?? periods[1];
    this.#user = this.getAttribute('user') ?? '';
    const choice = el('select', { id: 'usage-period', on: { change: () => {
      this.#period = periods.find(({ value }) => value === choice.value);
      this.#load();
    } } }, periods.map(({ value, name }) => el('option', { value, selected: value === this.#period.value }, name)));
    fill(this, el('div', { class: 'page' }, this.#head,
      el('div', { class: 'usage-controls' }, this.#scope(),
        el('div', { class: 'field inline' }, el('label', { for: 'usage-period' }, 'Period'), choice)),
      this.#content));
    this.#load();
  }

  disconnectedCallback() {
    this.#abort.abort();
  }

  get #self() {
    return currentSession()?.user;
  }

  /** For admins: everybody's usage, or their own. */
  #scope() {
    if (!may(this.#self, 'USER_ROLE_ADMIN')) return null;
    const ways = [['', 'Everybody'], [this.#self.id, 'Only me']];
    return el('fieldset', { class: 'choice' }, el('legend', { class: 'visually-hidden' }, 'Whose usage?'),
      ways.map(([value, name]) => el('label', {},
        el('input', { type: 'radio', name: 'scope', value, checked: value === this.#user, on: { change: () => {
          this.#user = value;
          this.#load();
        } } }), el('span', {}, name))));
  }

  #title(usage) {
    const other = this.#user !== '' && this.#user !== this.#self?.id;
    const mine = !may(this.#self, 'USER_ROLE_ADMIN') || this.#user === this.#self?.id;
    const whose = other ? usage?.users[0]?.name || `Account ${this.#user}` : '';
    const text = mine ? 'What your questions and API keys have used.'
      : 'What questions and API keys have used.';
    fill(this.#head, pageHead('Usage', other ? `What ${whose} has used.` : text,
      other && el('a', { class: 'button', href: addressOf('budgets', '', { user: this.#user }) },
        icon('purse'), 'Set a budget')));
  }

  async #load() {
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const { value, isByMonth } = this.#period;
    settle(addressOf('usage', '', { period: value === '30' ? '' : value, user: this.#user }));
    this.#title();
    fill(this.#content, loading());
    const now = new Date();
    const query = { from: firstDay(this.#period, now), to: now.toISOString(), userId: this.#user, pageSize: 50 };
    try {
      const usage = usageOf(await call('GET', '/usage', { query, signal }));
      this.#title(usage);
      fill(this.#content, this.#budgets(usage), this.#totals(usage),
        usage.total.requests === 0
          ? emptyState('chart', 'Nothing was used',
            'Calls of models are counted here: questions, and what API keys ask for. Searches use none.')
          : [this.#days(usage, isByMonth), this.#models(usage), this.#users(usage, query)]);
      announce(`${count(usage.total.requests, 'request')}, ${count(usage.total.tokens, 'token')}.`);
    } catch (error) {
      if (error.name === 'AbortError') return;
      fill(this.#content, notice(error, retryOf(error, () => this.#load())));
    }
  }

  #totals({ total, currency }) {
    const facts = [
      ['Requests', total.requests.toLocaleString()], ['Tokens in', total.prompt.toLocaleString()],
      ['Tokens out', total.completion.toLocaleString()], ['Cost', money(total.cost, currency)],
    ];
    return el('dl', { class: 'totals' }, facts.map(([name, value]) =>
      el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  }

  #budgets({ budgets, currency, users }) {
    if (budgets.length === 0) return null;
    const name = ({ userId }) => {
      if (userId === '') return 'Budget of the organisation';
      if (userId === this.#self?.id) return 'Your budget';
      return `Budget of ${users.find(({ id }) => id === userId)?.name || `account ${userId}`}`;
    };
    return el('ul', { class: 'rows', 'aria-label': 'Budgets of this month' }, budgets.map((budget) =>
      el('li', { class: 'row-item' }, budgetState(el('h2', {}, name(budget)), budget, currency))));
  }

  #days(usage, isByMonth) {
    const days = filled(usage, isByMonth);
    const chart = el('div', {});
    const each = isByMonth ? 'month' : 'day';
    const draw = () => {
      const { of, text, name } = this.#measure;
      const bars = days.map((day) => ({
        name: dayName(day.name), value: of(day.totals), text: text(of(day.totals), usage.currency),
      }));
      const highest = bars.reduce((best, bar) => (bar.value > best.value ? bar : best));
      const span = `${bars[0].name} to ${bars.at(-1).name}`;
      const label = `${name} by ${each}, ${span}. The most: ${highest.text}, ${highest.name}.`;
      fill(chart, barChart({ label, top: highest.text, bars }));
    };
    const ways = measures.filter(({ value }) => value !== 'cost' || usage.total.cost > 0);
    if (!ways.includes(this.#measure)) [this.#measure] = ways;
    const choice = el('fieldset', { class: 'choice' }, el('legend', { class: 'visually-hidden' }, 'What is drawn?'),
      ways.map((measure) => el('label', {},
        el('input', { type: 'radio', name: 'measure', value: measure.value, checked: measure === this.#measure,
          on: { change: () => {
            this.#measure = measure;
            draw();
          } } }), el('span', {}, measure.name))));
    draw();
    const used = days.filter(({ totals }) => totals.requests > 0).reverse();
    const { table } = usageTable(`By ${each}`, isByMonth ? 'Month' : 'Day', usage.currency,
      used.map(({ name, totals }) => usageRow(dayName(name), totals)));
    return el('section', { class: 'card' },
      el('div', { class: 'row-head' }, el('h2', {}, `By ${each}`), choice), chart,
      el('details', {}, el('summary', {}, 'As a table'), table,
        el('p', { class: 'hint' }, `Days are those of UTC; a ${each} without any use is left out.`)));
  }

  #models({ models, currency }) {
    const { table } = usageTable('By model', 'Model', currency,
      models.map(({ name, totals }) => usageRow(name || 'None answered', totals)));
    return el('section', { class: 'card' }, table);
  }

  #users({ users, next, currency }, query) {
    if (!may(this.#self, 'USER_ROLE_ADMIN') || this.#user !== '') return null;
    const link = (id, name) => el('a', { href: addressOf('usage', '', { period: this.#period.value, user: id }) },
      name ? breakable(name) : `Account ${id}, now gone`);
    const row = ({ id, name, totals }) => usageRow(link(id, name), totals);
    const { table, body } = usageTable('By user', 'User', currency, users.map(row));
    const { signal } = this.#abort;
    const load = async (pageToken) => {
      const page = usageOf(await call('GET', '/usage', { query: { ...query, pageToken }, signal }));
      return { items: page.users, next: page.next };
    };
    return el('section', { class: 'card' }, table, next && moreRows({ body, next, load, row }));
  }
}

/** A time on the first day of a period that ends `now`, as the server counts days. */
function firstDay({ value, isByMonth }, now) {
  if (isByMonth) return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 11, 1)).toISOString();
  return new Date(now.getTime() - (Number(value) - 1) * dayLength).toISOString();
}

/** An address that breaks before its @, where it has to break. */
function breakable(email) {
  const at = email.lastIndexOf('@');
  return [email.slice(0, at), el('wbr'), email.slice(at)];
}

const nothing = { requests: 0, prompt: 0, completion: 0, tokens: 0, cost: 0 };

/** All days of a report, those without use as well; or its months, such as "2026-11". */
export function filled({ days, firstDay: first, lastDay: last }, isByMonth) {
  const sums = new Map();
  for (let time = Date.parse(first); time <= Date.parse(last); time += dayLength) {
    const name = new Date(time).toISOString().slice(0, isByMonth ? 7 : 10);
    sums.set(name, { ...nothing });
  }
  for (const { name, totals } of days) {
    const sum = sums.get(name.slice(0, isByMonth ? 7 : 10));
    for (const key of Object.keys(nothing)) sum[key] += totals[key];
  }
  return [...sums].map(([name, totals]) => ({ name, totals }));
}

customElements.define('ot-usage', Usage);
