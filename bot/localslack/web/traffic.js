// What passed between the bot and the workspace: each call and each envelope, newest last.

import { preciseClock } from "./dates.js";
import { channelName, getChannel, getUser, userName } from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const MOST_ROWS = 500;
const AT_END_PX = 40;

/** A call or envelope as one shape: `failed`, `name`, `about`, `outcome` are what its row shows. */
function entryOf(kind, data) {
  return kind === "call" ? callEntry(data) : envelopeEntry(data);
}

function callEntry(call) {
  const { number, at, method, arguments: given, error, problems, usage } = call;
  const wait = call.retry_after_s ? ` · wait ${call.retry_after_s} s` : "";
  return {
    data: call,
    number,
    at,
    kind: "call",
    name: method,
    about: aboutCall(given),
    failed: Boolean(error),
    outcome: error ? `${error}${wait}` : "ok",
    problems: problems ?? [],
    usage,
  };
}

function envelopeEntry(envelope) {
  const { number, at, type, payload, acked, retry } = envelope;
  const again = retry ? ` · retry ${retry}` : "";
  return {
    data: envelope,
    number,
    at,
    kind: "envelope",
    name: payload.event?.subtype ?? payload.event?.type ?? payload.command ?? payload.type ?? type,
    about: aboutEnvelope(payload),
    failed: !acked,
    outcome: `${acked ? "acked" : "no answer"}${again}`,
    problems: [],
    usage: null,
  };
}

const place = (id) => (getChannel(id)?.is_im ? "DM" : id && `#${channelName(id)}`);
const short = (text) => (text ?? "").replaceAll(/\s+/g, " ").slice(0, 160);

function aboutCall(given) {
  const where = place(given.channel ?? given.channel_id) ?? "";
  return [where, short(given.text || given.markdown_text || given.name)].filter(Boolean).join(" ");
}

function aboutEnvelope(payload) {
  const event = payload.event ?? payload;
  const user = event.user?.id ?? event.user ?? event.user_id;
  const action = event.actions?.[0];
  return [
    place(event.channel?.id ?? event.channel ?? event.channel_id),
    getUser(user) ? userName(user) : null,
    short(
      action?.text?.text ??
        action?.action_id ??
        event.text ??
        event.message?.text ??
        event.view?.callback_id,
    ),
  ]
    .filter((part) => typeof part === "string" && part)
    .join(" · ");
}

/** The list; `onopen(entry)` shows one of them whole. */
export class Traffic {
  #entries = [];
  #rows = new Map(); // number -> node
  #pinned = true;

  constructor({ onopen }) {
    this.onopen = onopen;
    this.list = h("ol", { class: "traffic-rows" });
    this.empty = h("p", { class: "traffic-empty" });
    this.scroller = h(
      "div",
      { class: "traffic-list", tabindex: "-1", "aria-label": "Calls and envelopes" },
      this.list,
      this.empty,
    );
    this.search = h("input", {
      type: "search",
      class: "input",
      placeholder: "Filter: chat.update, app_mention, text…",
      "aria-label": "Filter",
      oninput: () => this.#draw(),
    });
    this.refused = h("input", { type: "checkbox", onchange: () => this.#draw() });
    this.tools = h(
      "div",
      { class: "traffic-tools" },
      this.search,
      h("label", { class: "check" }, this.refused, "Refused only"),
      h("button", { type: "button", class: "linklike", onclick: () => this.#clear() }, "Clear"),
    );
    new ResizeObserver(() => this.#follow()).observe(this.list);
    this.scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.#walk(event));
  }

  show({ calls, envelopes }) {
    const all = [
      ...calls.map((call) => entryOf("call", call)),
      ...envelopes.map((envelope) => entryOf("envelope", envelope)),
    ];
    this.#entries = all.sort((a, b) => a.number - b.number);
    this.#draw();
  }

  /** Adds one where it belongs: an envelope is known once it is answered, and began before. */
  add(kind, data) {
    const entry = entryOf(kind, data);
    const at = this.#entries.findLastIndex((other) => other.number <= entry.number);
    if (this.#entries[at]?.number === entry.number) return;
    this.#entries.splice(at + 1, 0, entry);
    if (!this.#fits(entry)) return;
    this.#insert(entry);
    this.#trim();
    this.#follow();
  }

  /** Brings the newest row into view, where nobody scrolled away from it. */
  #follow() {
    this.empty.hidden = this.#rows.size > 0;
    this.empty.textContent = this.#entries.length
      ? "Nothing fits the filter."
      : "Nothing passed yet. What the bot calls and what it is sent appears here.";
    if (this.#pinned) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #fits(entry) {
    if (this.refused.checked && !entry.failed) return false;
    const wanted = this.search.value.trim().toLowerCase();
    const text = `${entry.name} ${entry.about} ${entry.outcome} ${entry.problems.join(" ")}`;
    return !wanted || text.toLowerCase().includes(wanted);
  }

  #draw() {
    this.list.replaceChildren();
    this.#rows.clear();
    const fitting = this.#entries.filter((entry) => this.#fits(entry));
    for (const entry of fitting.slice(-MOST_ROWS)) this.#insert(entry);
    this.#pinned = true;
    this.#follow();
  }

  #clear() {
    this.#entries = [];
    this.#draw();
  }

  #insert(entry) {
    const node = row(entry, () => this.#open(entry));
    node.dataset.number = entry.number;
    this.#rows.set(entry.number, node);
    let next = null;
    for (let last = this.list.lastChild; last; last = last.previousSibling) {
      if (Number(last.dataset.number) < entry.number) break;
      next = last;
    }
    this.list.insertBefore(node, next);
  }

  #trim() {
    if (this.#rows.size <= MOST_ROWS) return;
    const node = this.list.firstChild;
    this.#rows.delete(Number(node.dataset.number));
    node.remove();
  }

  #open(entry) {
    for (const node of this.list.querySelectorAll("[aria-pressed=true]"))
      node.setAttribute("aria-pressed", "false");
    this.#rows.get(entry.number)?.firstChild.setAttribute("aria-pressed", "true");
    this.onopen(entry);
  }

  #walk(event) {
    const step = { ArrowUp: "previousSibling", ArrowDown: "nextSibling" }[event.key];
    const next = step && event.target.closest("li")?.[step];
    if (!next) return;
    event.preventDefault();
    next.firstChild.focus();
    next.firstChild.click();
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.#pinned = scrollHeight - scrollTop - clientHeight < AT_END_PX;
  }
}

const KINDS = {
  call: ["up", "called", "The bot called the workspace"],
  envelope: ["down", "sent", "The workspace sent this to the bot"],
};

function row(entry, onclick) {
  const [mark, verb, title] = KINDS[entry.kind];
  const props = {
    type: "button",
    class: `traffic-row traffic-${entry.kind}${entry.failed ? " traffic-failed" : ""}`,
    "aria-pressed": "false",
    onclick,
  };
  return h(
    "li",
    null,
    h(
      "button",
      props,
      h("time", { class: "traffic-time" }, preciseClock(entry.at)),
      h("span", { class: "traffic-kind", title }, icon(`call-${mark}`), verb),
      h("span", { class: "traffic-name" }, entry.name),
      h("span", { class: "traffic-about" }, entry.about),
      meter(entry.usage),
      h("span", { class: "traffic-outcome" }, entry.outcome),
      entry.problems.length
        ? h("span", { class: "traffic-problems" }, entry.problems.join("\n"))
        : null,
    ),
  );
}

/** How much of the method's rate limit is used up. */
function meter(usage) {
  if (!usage) return h("span", { class: "meter-none" });
  const { used, burst, per_minute: back } = usage;
  const share = Math.min(1, used / burst);
  const bar = h("span", { class: `meter-bar${share > 0.8 ? " meter-high" : ""}` });
  bar.style.setProperty("--share", share);
  const title = `${used} of ${burst} calls used; ${back} a minute come back`;
  return h("span", { class: "meter", title }, bar, `${used}/${burst}`);
}
