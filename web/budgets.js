// What calls may cost in a month, for admins: set, changed, overridden, removed, and who decided so.

import { announce, busy, el, emptyState, fill, loading, notice } from './dom.js';
import { call, pageOf } from './api.js';
import { auditEntryOf, budgetOf } from './contract.js';
import { exactly, money, when } from './format.js';
import { currentSession, drafts, may } from './session.js';
import { pagedList, pageHead } from './paged-list.js';
import { BudgetItem, amountField } from './budget-item.js';
import { People } from './people.js';
import { retryOf } from './wait.js';

const anId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

class Budgets extends HTMLElement {
  #people = new People();
  #list = el('div', {});
  #log = el('div', {});

  async connectedCallback() {
    if (!may(currentSession()?.user, 'USER_ROLE_ADMIN')) {
      fill(this, el('div', { class: 'page' },
        pageHead('Budgets', 'Only admins set budgets. What is left of yours is told with your usage.',
          el('a', { class: 'button', href: '#/usage' }, 'Your usage'))));
      return;
    }
    const page = el('div', { class: 'page' });
    const head = pageHead('Budgets',
      'What calls of models may cost in a month. Models without a price go on answering when one is used up.');
    fill(this, page);
    const open = async () => {
      fill(page, head, loading());
      try {
        await this.#people.start();
        fill(page, head, this.#form(), this.#list, this.#log);
        this.#show();
      } catch (error) {
        fill(page, head, notice(error, retryOf(error, open)));
      }
    };
    await open();
  }

  /** The budgets and the log, anew. */
  #show() {
    fill(this.#list, pagedList({
      label: 'Budgets',
      load: async (pageToken) => {
        const page = await pageOf('/budgets', 'budgets', { pageToken });
        const items = page.items.map(budgetOf);
        await this.#people.find(items.map(({ userId }) => userId));
        return { items, next: page.next };
      },
      row: (budget) => el('li', { class: 'row-item' }, this.#item(budget)),
      empty: () => emptyState('purse', 'No budgets', 'Calls may cost what they cost.'),
    }));
    this.#showLog();
  }

  #showLog() {
    // Later pages name the owner of a budget that is gone: it was set before it was removed.
    const owners = new Map();
    fill(this.#log, el('section', { class: 'audit', 'aria-labelledby': 'audit-title' },
      el('h2', { id: 'audit-title' }, 'What was decided'),
      pagedList({
        label: 'What was decided',
        load: async (pageToken) => {
          const page = await pageOf('/audit-entries', 'entries', { pageToken });
          const items = page.items.map(auditEntryOf);
          for (const { action, subjectId, details } of items) {
            if (action === 'budget.set') owners.set(subjectId, details.userId ?? '');
          }
          await this.#people.find(items.flatMap(({ actorId, details }) => [actorId, details.userId ?? '']));
          return { items, next: page.next };
        },
        row: (entry) => this.#entry(entry, owners.get(entry.subjectId)),
        empty: () => el('p', { class: 'hint' }, 'Nothing yet.'),
      })));
  }

  #item(budget) {
    const item = new BudgetItem(budget, this.#people);
    item.addEventListener('changed', () => this.#showLog());
    item.addEventListener('removed', () => this.#show());
    return item;
  }

  #form() {
    const result = el('div', {});
    const kept = this.getAttribute('user') ? 'user' : drafts.read('budget.scope') || 'organization';
    const who = el('input', { id: 'budget-user', list: 'budget-users', autocomplete: 'off', spellcheck: 'false',
      'aria-describedby': 'budget-user-hint',
      on: { input: () => drafts.write('budget.user', who.value), focus: () => this.#offer(users) } });
    const users = el('datalist', { id: 'budget-users' });
    const amount = amountField('budget-amount', this.#people.currency, { draft: 'budget.amount' });
    const user = el('div', { class: 'field', hidden: kept !== 'user' },
      el('label', { for: 'budget-user' }, 'User'), who, users,
      el('p', { class: 'hint', id: 'budget-user-hint' },
        'The e-mail address of somebody who has asked something in the last year, or the id of an account.'));
    const choose = (value) => {
      user.hidden = value !== 'user';
      drafts.write('budget.scope', value === 'user' ? value : '');
    };
    const scopes = [['organization', 'Organisation'], ['user', 'One user']].map(([value, name]) => {
      const radio = el('input', { type: 'radio', name: 'budget-scope', value, checked: value === kept,
        on: { change: () => choose(value) } });
      return { radio, label: el('label', {}, radio, el('span', {}, name)) };
    });
    who.value = drafts.read('budget.user');
    if (this.getAttribute('user')) this.#fillIn(who, this.getAttribute('user'), result);
    const set = el('button', { class: 'button primary', type: 'submit' }, 'Set the budget');
    return el('form', { class: 'card', 'aria-label': 'Set a budget', novalidate: true, on: { submit: (event) => {
      event.preventDefault();
      const isForUser = scopes[1].radio.checked;
      fill(result);
      busy(set, (error) => fill(result, notice(error)), async () => {
        const userId = isForUser ? await this.#userOf(who.value) : undefined;
        await call('POST', '/budgets', { json: { userId, limitMicros: amount.micros() } });
        who.value = '';
        amount.clear();
        for (const name of ['user', 'amount']) drafts.write(`budget.${name}`, '');
        announce('The budget was set.');
        this.#show();
      });
    } } },
      el('fieldset', { class: 'choice' }, el('legend', { class: 'visually-hidden' }, 'Whose budget?'),
        scopes.map(({ label }) => label)),
      user, amount.field, result, el('div', { class: 'row' }, set));
  }

  async #fillIn(who, id, result) {
    try {
      await this.#people.find([id]);
      who.value = this.#people.emails.includes(this.#people.name(id)) ? this.#people.name(id) : id;
    } catch (error) {
      who.value = id;
      fill(result, notice(error));
    }
  }

  #offer(users) {
    fill(users, this.#people.emails.map((email) => el('option', { value: email })));
  }

  async #userOf(text) {
    if (text.trim() === '') throw new Error('Say whose budget it is.');
    if (anId.test(text.trim())) return text.trim();
    const id = await this.#people.idOf(text);
    if (id) return id;
    throw new Error('Nobody by that address has asked anything in the last year. Give the account’s id instead, '
      + 'which “opentier users list --json” tells.');
  }

  #budgetOf(userId) {
    if (userId === '') return 'the organisation’s budget';
    return userId === currentSession()?.user.id ? 'your budget' : `the budget of ${this.#people.name(userId)}`;
  }

  #entry({ actorId, action, details, occurredAt }, owner) {
    const whose = owner === undefined ? 'a budget' : this.#budgetOf(owner);
    const amount = details.limitMicros && money(Number(details.limitMicros), this.#people.currency);
    const words = {
      'budget.set': `Set ${whose} to ${amount} a month`,
      'budget.deleted': `Removed ${whose}`,
      'budget.overridden': `Let calls pass beyond ${whose} until ${exactly(details.expiresAt)}`,
      'budget.override_ended': `Ended the override of ${whose}`,
    };
    return el('li', { class: 'audit-entry' },
      el('p', {}, words[action] ?? action),
      details.reason && el('blockquote', { class: 'note' }, details.reason),
      el('p', { class: 'meta' }, `by ${this.#people.who(actorId)} · `,
        el('time', { datetime: occurredAt, title: exactly(occurredAt) }, when(occurredAt))));
  }
}

customElements.define('ot-budgets', Budgets);
