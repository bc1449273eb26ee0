// The inspector: a drawer with what passed, the troubles one can arrange, and JSON to read.

import * as api from "./api.js";
import { copy } from "./clipboard.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { json } from "./json.js";
import { told } from "./toast.js";
import { Traffic } from "./traffic.js";
import { Troubles } from "./troubles.js";

const REFRESH_MS = 400;

class Inspector {
  #stop = null;
  #later = null;
  #opener = null;
  #tab = "traffic";

  /** Fills `node`, which is there from the start; `ontoggle(open)` follows. */
  mount(node, { ontoggle }) {
    this.node = node;
    this.ontoggle = ontoggle;
    this.detail = h("section", { class: "detail", "aria-label": "JSON", hidden: true });
    this.traffic = new Traffic({ onopen: (entry) => this.#showEntry(entry) });
    this.troubles = new Troubles();
    this.tabs = {
      traffic: this.#tabButton("traffic", "Traffic"),
      troubles: this.#tabButton("troubles", "Troubles"),
    };
    this.pages = {
      traffic: h("div", { class: "traffic" }, this.traffic.tools, this.traffic.scroller),
      troubles: this.troubles.node,
    };
    node.append(
      h(
        "header",
        { class: "inspector-head" },
        h("h2", null, "Inspector"),
        h("div", { class: "segments" }, Object.values(this.tabs)),
        this.#closeButton("Close the inspector", () => this.close()),
      ),
      h("div", { class: "inspector-body" }, Object.values(this.pages), this.detail),
    );
    node.addEventListener("keydown", (event) => this.#key(event));
  }

  get isOpen() {
    return !this.node.hidden;
  }

  toggle() {
    return this.isOpen ? this.close() : this.open();
  }

  open(tab = this.#tab) {
    this.#select(tab);
    if (this.isOpen) return;
    this.#opener = document.activeElement;
    this.node.hidden = false;
    this.ontoggle(true);
    this.#stop = api.listenToTraffic({
      onevent: (kind, data) => this.#onTraffic(kind, data),
      onopen: () => this.#load(),
    });
    this.tabs[this.#tab].focus();
  }

  close() {
    this.#stop?.();
    this.node.hidden = true;
    this.detail.hidden = true;
    this.ontoggle(false);
    this.#opener?.focus?.({ preventScroll: true });
  }

  /** Shows a message as the Web API gives it to the bot. */
  async inspectMessage(place) {
    const answer = await told(api.messageJson(place));
    if (!answer) return;
    this.open("traffic");
    this.#show(`Message ${place.ts}`, answer.message);
  }

  /** Something about people, channels or the app has changed. */
  refreshTroubles() {
    if (this.isOpen && this.#tab === "troubles") this.troubles.refresh();
  }

  async #load() {
    const answer = await told(api.calls());
    if (answer) this.traffic.show(answer);
  }

  #onTraffic(kind, data) {
    this.traffic.add(kind, data);
    // A fault that met its call is used up.
    if (!data.error || this.#later) return;
    this.#later = setTimeout(() => {
      this.#later = null;
      this.refreshTroubles();
    }, REFRESH_MS);
  }

  #tabButton(name, label) {
    return h(
      "button",
      { type: "button", class: "segment", onclick: () => this.#select(name) },
      label,
    );
  }

  #select(name) {
    this.#tab = name;
    for (const [key, button] of Object.entries(this.tabs)) {
      button.setAttribute("aria-pressed", String(key === name));
      this.pages[key].hidden = key !== name;
    }
    this.detail.hidden = true;
    if (name === "troubles") this.troubles.refresh();
  }

  #showEntry({ name, data }) {
    this.#show(name, data);
  }

  #show(title, value) {
    const text = JSON.stringify(value, null, 2);
    this.detail.hidden = false;
    this.detail.replaceChildren(
      h(
        "header",
        { class: "detail-head" },
        h("h3", null, title),
        h(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": "Copy the JSON",
            title: "Copy the JSON",
            onclick: () => copy(text, "JSON copied"),
          },
          icon("copy"),
        ),
        this.#closeButton("Close the JSON", () => (this.detail.hidden = true)),
      ),
      h("pre", { class: "json", tabindex: "0" }, json(value)),
    );
  }

  #closeButton(label, onclick) {
    return h(
      "button",
      { type: "button", class: "tool", "aria-label": label, title: `${label} (Esc)`, onclick },
      icon("close"),
    );
  }

  #key(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    if (this.detail.hidden) this.close();
    else this.detail.hidden = true;
  }
}

export const inspector = new Inspector();
