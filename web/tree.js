// The messages of a conversation: a tree, since a question may have several answers. One path through it is shown.

export class MessageTree {
  #byId = new Map();
  #children = new Map();
  #chosen = new Map();

  constructor(messages = []) {
    for (const message of messages) this.add(message);
  }

  /** Adds a message, or new versions of one; the latest child of a message is the one shown. */
  add(message) {
    const parent = message.parentId ?? '';
    if (!this.#byId.has(message.id)) {
      if (!this.#children.has(parent)) this.#children.set(parent, []);
      this.#children.get(parent).push(message.id);
    }
    this.#byId.set(message.id, message);
    this.#chosen.set(parent, message.id);
  }

  choose(message) {
    this.#chosen.set(message.parentId ?? '', message.id);
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** All messages with the same parent, in order; the message itself is one of them. */
  alternatives(message) {
    return (this.#children.get(message.parentId ?? '') ?? []).map((id) => this.#byId.get(id));
  }

  /** The shown messages from the first to the last. */
  path() {
    const path = [];
    let id = this.#chosen.get('');
    while (id !== undefined) {
      path.push(this.#byId.get(id));
      id = this.#chosen.get(id);
    }
    return path;
  }
}
