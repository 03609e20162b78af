// Who an id belongs to. The server has no list of its users for the page: it names those who have used a model.

import { call } from './api.js';
import { currentSession } from './session.js';

const pageSize = 200;
const longest = 365; // days back

/** E-mail addresses by id; more of them are asked for when one is looked for that is not known yet. */
export class People {
  #known = new Map();
  #next = '';
  #isComplete = false;
  /** What amounts are millionths of, once `start` is done. */
  currency = '';

  constructor() {
    const { user } = currentSession() ?? {};
    if (user) this.#known.set(user.id, user.email);
  }

  /** The addresses that are known so far. */
  get emails() {
    return [...this.#known.values()];
  }

  /** Asks for the first of them. */
  async start() {
    if (this.currency === '') await this.#more();
  }

  async #more() {
    const [from, to] = [longest, 0].map((ago) => new Date(Date.now() - ago * 86_400_000).toISOString());
    const page = await call('GET', '/usage', { query: { from, to, pageSize, pageToken: this.#next } });
    for (const { userId, email } of page.users ?? []) if (email) this.#known.set(userId, email);
    this.currency = page.currency ?? '';
    this.#next = page.nextPageToken ?? '';
    this.#isComplete = this.#next === '';
  }

  /** Looks up all of these ids. */
  async find(ids) {
    while (!this.#isComplete && ids.some((id) => id !== '' && !this.#known.has(id))) await this.#more();
  }

  /** The id of an address, or undefined. One that is not known is looked for from the start: it may be new. */
  async idOf(email) {
    const sought = email.trim().toLowerCase();
    const find = () => [...this.#known].find(([, each]) => each.toLowerCase() === sought)?.[0];
    if (find() === undefined) {
      [this.#next, this.#isComplete] = ['', false];
      while (!this.#isComplete && find() === undefined) await this.#more();
    }
    return find();
  }

  /** The address of an id, or the id where it is not known. */
  name(id) {
    return this.#known.get(id) ?? `Account ${id}`;
  }

  /** "you" for the reader. */
  who(id) {
    return id === currentSession()?.user.id ? 'you' : this.name(id);
  }
}
