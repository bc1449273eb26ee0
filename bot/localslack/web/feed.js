// A list of messages by time. It stays at the newest one while the reader is there, and keeps
// still while they read further up.

import { dayKey } from "./dates.js";
import { breathe, h } from "./dom.js";
import { icon } from "./icons.js";
import { MessageRow } from "./message.js";
import { Toolbar } from "./toolbar.js";

const FIRST_ROWS = 30;
const SLICE_MS = 8;
const FOLLOW_SECONDS = 300;
const AT_END_PX = 48;

export class Feed {
  #rows = []; // by ts
  #byTs = new Map();
  #pinned = true;
  #lastTop = 0;
  #lastSizes = "";
  #generation = 0;
  #missed = null; // what happened while a list is on its way, which may be older than that
  #filling = 0;
  #late = null; // by ts, what became of messages that are still to be filled in; null: gone

  /** `room` is handed to each row; `onolder()` is called when the reader nears the top. */
  constructor(room, { label, onolder }) {
    this.room = room;
    this.onolder = onolder;
    this.toolbar = new Toolbar(this.room);
    this.list = h("ol", { class: "rows", "aria-label": label });
    this.intro = h("div", { class: "feed-intro" });
    this.inner = h("div", { class: "feed-inner" }, this.intro, this.list);
    this.scroller = h("div", { class: "feed", role: "log", "aria-label": label }, this.inner);
    this.jump = h(
      "button",
      { type: "button", class: "jump", hidden: true, onclick: () => this.toEnd() },
      icon("arrow"),
      "Latest",
    );
    this.node = h("div", { class: "feed-frame" }, this.scroller, this.jump);
    this.#listen();
  }

  get size() {
    return this.#rows.length;
  }

  get oldest() {
    return this.#rows[0]?.message.ts;
  }

  get newest() {
    return this.#rows.at(-1)?.message.ts;
  }

  /** Shows other messages (oldest first): the newest at once, the others as the browser has time. */
  async show(messages, { unreadAfter = null } = {}) {
    this.#generation += 1;
    this.#rows = [];
    this.#byTs.clear();
    this.unreadAfter = unreadAfter;
    this.list.replaceChildren();
    this.#setPinned(true);
    // A thread starts with its parent, which is read first.
    const first = messages.length > FIRST_ROWS ? [messages[0]] : [];
    for (const message of [...first, ...messages.slice(-FIRST_ROWS)]) this.#insert(message);
    this.toEnd();
    await this.fill(messages.slice(0, -FIRST_ROWS));
  }

  /** Fetches a list and hands it to `apply`; what happens meanwhile is done again on top of it. */
  async load(fetch, apply) {
    const missed = [];
    this.#missed = missed;
    const answer = await fetch();
    if (this.#missed !== missed) return;
    this.#missed = null;
    if (!answer) return;
    const applied = apply(answer);
    for (const again of missed) again();
    await applied;
  }

  /** Fetches older messages and adds them, as they are by then. */
  fillFrom(fetch) {
    return this.#keepingTrack(async (generation) => {
      const messages = await fetch();
      if (messages && generation === this.#generation) await this.fill(messages);
    });
  }

  /** Adds older messages bit by bit, newest of them first. */
  fill(messages) {
    return this.#keepingTrack(async (generation) => {
      let until = performance.now() + SLICE_MS;
      for (const message of messages.toReversed()) {
        if (performance.now() > until) {
          await breathe();
          if (generation !== this.#generation) return;
          until = performance.now() + SLICE_MS;
        }
        const current = this.#late.has(message.ts) ? this.#late.get(message.ts) : message;
        if (current && !this.#byTs.has(message.ts)) this.#insert(current);
      }
    });
  }

  /** While it runs, notes what becomes of messages that are not here yet. */
  async #keepingTrack(work) {
    this.#late ??= new Map();
    this.#filling += 1;
    try {
      await work(this.#generation);
    } finally {
      this.#filling -= 1;
      if (!this.#filling) this.#late = null;
    }
  }

  /** Brings what is shown up to date with a fresh list: changes, additions, and what has gone. */
  reconcile(messages) {
    const fresh = new Set(messages.map((message) => message.ts));
    const from = messages[0]?.ts ?? "0";
    for (const row of [...this.#rows]) {
      if (row.message.ts >= from && !fresh.has(row.message.ts)) this.remove(row.message.ts);
    }
    for (const message of messages) this.upsert(message);
  }

  upsert(message) {
    this.#missed?.push(() => this.upsert(message));
    const row = this.#byTs.get(message.ts);
    if (row) row.update(message);
    else this.#insert(message);
  }

  /** Shows a message as it is now, if it is here (or on its way). */
  change(message) {
    this.#missed?.push(() => this.change(message));
    const row = this.#byTs.get(message.ts);
    if (row?.message.channel === message.channel) row.update(message);
    if (!row) this.#late?.set(message.ts, message);
  }

  get(ts) {
    return this.#byTs.get(ts)?.message;
  }

  row(ts) {
    return this.#byTs.get(ts);
  }

  remove(ts) {
    this.#missed?.push(() => this.remove(ts));
    const row = this.#byTs.get(ts);
    if (!row) return void this.#late?.set(ts, null);
    const index = this.#rows.indexOf(row);
    this.#rows.splice(index, 1);
    this.#byTs.delete(ts);
    row.node.remove();
    this.#decorate(index);
  }

  toEnd() {
    this.#setPinned(true);
    this.#scrollDown();
  }

  /** Brings one message into view and marks it for a moment. */
  reveal(ts) {
    const row = this.#byTs.get(ts);
    if (!row) return;
    this.#setPinned(false);
    row.node.scrollIntoView({ block: "center" });
    row.node.classList.add("flash");
    row.node.addEventListener("animationend", () => row.node.classList.remove("flash"), {
      once: true,
    });
  }

  #scrollDown() {
    // An empty channel is read from the top.
    this.scroller.scrollTop = this.size ? this.scroller.scrollHeight : 0;
  }

  #insert(message) {
    const row = new MessageRow(message, this.room);
    const index = this.#search(message.ts);
    this.list.insertBefore(row.node, this.#rows[index]?.node ?? null);
    this.#rows.splice(index, 0, row);
    this.#byTs.set(message.ts, row);
    this.#decorate(index);
    this.#decorate(index + 1);
  }

  #decorate(index) {
    const row = this.#rows[index];
    if (!row) return;
    const before = this.#rows[index - 1]?.message;
    const { message } = row;
    const newDay = !before || dayKey(before.ts) !== dayKey(message.ts);
    const unread = this.#isFirstUnread(before, message);
    const follows =
      Boolean(before) && goesOn(before, message) && !(this.room.isThread && index === 1);
    row.decorate({ newDay, unread, follows });
  }

  #isFirstUnread(before, message) {
    if (!this.unreadAfter || message.ts <= this.unreadAfter) return false;
    return Boolean(before) && before.ts <= this.unreadAfter;
  }

  #setPinned(pinned) {
    this.#pinned = pinned;
    this.jump.hidden = pinned || !this.size;
  }

  #listen() {
    this.scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    const resized = new ResizeObserver(() => this.#pinned && this.#scrollDown());
    resized.observe(this.inner);
    resized.observe(this.scroller);
    // What someone opens must stay under their pointer instead of running to the end.
    this.list.addEventListener("click", (event) => {
      if (event.target.closest("summary")) this.#pinned = false;
    });
    for (const name of ["pointerover", "focusin"]) {
      this.list.addEventListener(name, (event) => this.#hold(event.target));
    }
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    // One stop for the Tab key; from the newest message the arrow keys walk through the others.
    this.scroller.tabIndex = 0;
    this.scroller.addEventListener("focus", () => {
      if (this.scroller.matches(":focus-visible")) this.#rows.at(-1)?.node.focus();
    });
    this.list.addEventListener("focusin", () => (this.scroller.tabIndex = -1));
    this.list.addEventListener("focusout", () => (this.scroller.tabIndex = 0));
  }

  #hold(target) {
    const node = target.closest("li.row");
    const row = node && this.#byTs.get(node.dataset.ts);
    if (row) this.toolbar.moveTo(row);
  }

  #walk(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !event.target.classList.contains("row")) return;
    const row = this.#byTs.get(event.target.dataset.ts);
    const next = this.#rows[this.#rows.indexOf(row) + step];
    if (!next) return;
    event.preventDefault();
    next.node.focus();
  }

  #onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    // Content or a window that changed its size is not a reader who left: only going up is.
    const sizes = `${scrollHeight} ${clientHeight}`;
    const wentUp = scrollTop < this.#lastTop && sizes === this.#lastSizes;
    this.#setPinned(atEnd || (this.#pinned && !wentUp));
    this.#lastTop = scrollTop;
    this.#lastSizes = sizes;
    if (scrollTop < clientHeight) this.onolder?.();
  }

  #search(ts) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].message.ts > ts) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function goesOn(before, message) {
  if (before.user !== message.user || before.bot_id !== message.bot_id) return false;
  if (before.is_ephemeral || message.is_ephemeral) return false;
  return Number(message.ts) - Number(before.ts) < FOLLOW_SECONDS;
}
