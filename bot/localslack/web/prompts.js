// What an assistant suggests to say, above the box in which it would be said.

import * as api from "./api.js";
import { getMe } from "./directory.js";
import { h } from "./dom.js";
import { told } from "./toast.js";

export class Prompts {
  #told = false;

  constructor() {
    this.node = h("div", { class: "prompts", "aria-label": "Suggestions", hidden: true });
  }

  /** Offers the prompts of a session; each click says one there. */
  show({ channel, thread_ts: thread, prompts }) {
    this.#told = true;
    const say = (text) =>
      told(api.postMessage({ user: getMe(), channel, thread_ts: thread || undefined, text }));
    this.node.hidden = !prompts.length;
    this.node.replaceChildren(
      ...prompts.map(({ title, message }) =>
        h("button", { type: "button", class: "button", onclick: () => say(message) }, title),
      ),
    );
  }

  /** What a list says that was on its way: by now there may be news. */
  was(session) {
    if (!this.#told) this.show(session);
  }

  /** What is shown is not up to date any more. */
  reset() {
    this.#told = false;
    this.node.hidden = true;
  }
}
