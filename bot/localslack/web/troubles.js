// Switches for what goes wrong at Slack once in a while, and for what admins do.

import * as api from "./api.js";
import { botName, displayName, getMe, getUser, getWorkspace, members } from "./directory.js";
import { h } from "./dom.js";
import { toast, told } from "./toast.js";

const KINDS = [
  ["429", "429 rate limit", { error: "ratelimited" }],
  ["500", "500 error", { status: 500 }],
  ["lost", "answer lost", { lose_answer: true }],
  ["team_not_supported", "team_not_supported", { error: "team_not_supported" }],
  ["channel_not_found", "channel_not_found", { error: "channel_not_found" }],
  ["invalid_blocks", "invalid_blocks", { error: "invalid_blocks" }],
];
const TIMES = [
  ["1", "once"],
  ["5", "5 times"],
  ["", "until cleared"],
];
const DELAYS = [
  [0, "none"],
  [300, "0.3 s"],
  [1000, "1 s"],
  [3500, "3.5 s (too slow to ack)"],
];

export class Troubles {
  constructor() {
    this.node = h("div", {
      class: "troubles",
      tabindex: "0",
      role: "region",
      "aria-label": "Troubles",
    });
  }

  /** Shows what is arranged at the moment. */
  async refresh() {
    const [faults, limits] = await Promise.all([told(api.faults()), told(api.limits())]);
    if (faults && limits) this.#draw(faults, limits);
  }

  #draw(faults, limits) {
    const focused = this.node.contains(document.activeElement) && document.activeElement.name;
    const typed = Object.fromEntries(new FormData(this.node.querySelector("form") ?? undefined));
    this.node.replaceChildren(
      group("Calls that fail", this.#failing(faults, limits, typed)),
      group("Socket and network", this.#network(faults)),
      group("Rate limits", this.#limits(limits)),
      group("Workspace", this.#workspace()),
    );
    if (focused) this.node.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
  }

  async #change(request, said) {
    if ((await told(request)) && said) toast(said, "info");
    await this.refresh();
  }

  #failing(faults, limits, typed) {
    const form = h(
      "form",
      { class: "fault-form", onsubmit: (event) => this.#arrange(event) },
      select("method", "Method", [["", "any method"], ...limits.methods.map((m) => [m, m])], typed),
      select("kind", "Answer", KINDS, typed),
      select("times", "How often", TIMES, typed),
      h("button", { type: "submit", name: "arrange", class: "button" }, "Arrange"),
    );
    const waiting = faults.waiting.map((fault) =>
      h("li", { class: "chip chip-plain" }, faultText(fault)),
    );
    const clear = h(
      "button",
      {
        type: "button",
        class: "button",
        onclick: () => this.#change(api.addFault({ clear: true }), "Everything works again."),
      },
      "Clear all",
    );
    const isClear = !waiting.length && !faults.duplicate_events && !faults.delay_ms;
    return [
      form,
      waiting.length ? h("ul", { class: "chips" }, waiting) : null,
      isClear ? null : clear,
    ];
  }

  #arrange(event) {
    event.preventDefault();
    const { method, kind, times } = Object.fromEntries(new FormData(event.target));
    const [, , fault] = KINDS.find(([name]) => name === kind);
    const body = { ...fault, times: times ? Number(times) : null };
    return this.#change(api.addFault(method ? { ...body, method } : body));
  }

  #network(faults) {
    return [
      toggle("duplicate", "Deliver every event twice", faults.duplicate_events, (on) =>
        this.#change(api.addFault({ duplicate_events: on })),
      ),
      select(
        "delay",
        "Slow network: added delay",
        DELAYS,
        {
          delay: String(faults.delay_ms),
        },
        (value) => this.#change(api.addFault({ delay_ms: Number(value) })),
      ),
      h(
        "div",
        { class: "troubles-buttons" },
        action("Drop the socket", () =>
          this.#change(api.addFault({ drop_socket: true }), "The connection was broken."),
        ),
        action("Ask to reconnect", () =>
          this.#change(api.addFault({ disconnect: true }), "The bot was asked to connect anew."),
        ),
      ),
    ];
  }

  #limits(limits) {
    const changed = limits.changed.map((rate) =>
      h("li", { class: "chip chip-plain" }, `${rate.method}: ${rate.per_minute}/min`),
    );
    return [
      toggle("limits", "Slack’s rate limits hold", limits.enabled, (on) =>
        this.#change(api.setLimits({ enabled: on })),
      ),
      toggle("outside", "Distributed outside the Marketplace", limits.outside_marketplace, (on) =>
        this.#change(api.setLimits({ outside_marketplace: on })),
      ),
      h(
        "form",
        { class: "fault-form", onsubmit: (event) => this.#setRate(event) },
        select(
          "rated",
          "Method",
          limits.methods.map((m) => [m, m]),
          { rated: "chat.update" },
        ),
        h(
          "label",
          { class: "field-label" },
          h("span", null, "Calls a minute"),
          h("input", {
            class: "input",
            name: "per_minute",
            type: "number",
            min: 1,
            value: 5,
            required: true,
          }),
        ),
        h("button", { type: "submit", name: "rate", class: "button" }, "Set"),
      ),
      changed.length ? h("ul", { class: "chips" }, changed) : null,
    ];
  }

  #setRate(event) {
    event.preventDefault();
    const { rated, per_minute: rate } = Object.fromEntries(new FormData(event.target));
    return this.#change(api.setLimits({ method: rated, per_minute: Number(rate) }));
  }

  #workspace() {
    const me = getMe();
    if (!getUser(me).is_admin)
      return h("p", { class: "hint" }, "Only workspace admins can change accounts and apps.");
    const { app_installed: installed } = getWorkspace();
    const person = (user) =>
      toggle(`user-${user.id}`, `${displayName(user)} has an account`, !user.deleted, (on) =>
        this.#change(api.administerPerson({ user: me, who: user.id, deleted: !on })),
      );
    return [
      toggle("app", `${botName()} is installed`, installed, (on) =>
        this.#change(api.administerApp({ user: me, installed: on })),
      ),
      members()
        .filter((user) => user.id !== me)
        .map(person),
      h(
        "p",
        { class: "hint" },
        "Channels are archived, and the app removed, in each channel’s own menu.",
      ),
    ];
  }
}

const group = (title, content) =>
  h("section", { class: "trouble-group" }, h("h3", null, title), content);

const action = (label, onclick) => h("button", { type: "button", class: "button", onclick }, label);

function toggle(name, label, on, onchange) {
  const box = h("input", {
    type: "checkbox",
    role: "switch",
    class: "switch",
    name,
    onchange: () => onchange(box.checked),
  });
  box.checked = on;
  return h("label", { class: "check" }, box, label);
}

function select(name, label, options, chosen = {}, onchange) {
  const control = h(
    "select",
    { class: "input select", name, onchange: () => onchange?.(control.value) },
    options.map(([value, text]) => h("option", { value }, text)),
  );
  if (chosen[name] !== undefined) control.value = chosen[name];
  return h("label", { class: "field-label" }, h("span", null, label), control);
}

function faultText({ method, error, status, times, lose_answer: lost }) {
  const what = lost ? "answer lost" : (error ?? `HTTP ${status}`);
  return `${method ?? "any method"}: ${what}, ${times ? `${times} more` : "until cleared"}`;
}
