// Starts the page, follows its address, and hands each event to what shows it.

import * as api from "./api.js";
import { ChannelView } from "./channel.js";
import {
  getChannel,
  getMe,
  getUser,
  getWorkspace,
  loadDirectory,
  myBotChannel,
  myChannels,
  people,
  putChannel,
  setDeleted,
  setInstalled,
  setMe,
} from "./directory.js";
import { h, place } from "./dom.js";
import { HomeView } from "./home.js";
import { inspector } from "./inspector.js";
import { closeMenu } from "./menu.js";
import { Modals } from "./modal.js";
import { Sidebar } from "./sidebar.js";
import { ThreadView } from "./thread.js";
import { toast, told } from "./toast.js";
import {
  countUnread,
  forgetCounts,
  lastRead,
  markRead,
  recount,
  totalUnread,
  unreadCounts,
} from "./unread.js";

const el = (id) => document.getElementById(id);

class App {
  route = { channel: null, thread: null, home: false };
  #stopListening = () => {};
  #bot = false;
  #answering = false;

  constructor() {
    const openMenu = () => this.#showSidebar(true);
    this.sidebar = new Sidebar(el("sidebar"), {
      onperson: (id) => this.become(id),
      onguide: () => this.#guide(),
    });
    inspector.mount(el("inspector"), { ontoggle: (open) => this.#onInspector(open) });
    this.channel = new ChannelView({ openThread: (ts) => this.#openThread(ts), openMenu });
    this.home = new HomeView({ openMenu });
    this.thread = new ThreadView(el("thread"), { onclose: () => this.#closeThread() });
    this.modals = new Modals();
    el("scrim").addEventListener("click", () => this.#showSidebar(false));
    el("sidebar").addEventListener(
      "click",
      (event) => event.target.closest("a, .entry") && this.#showSidebar(false),
    );
    el("app").addEventListener("click", (event) => this.#followPermalink(event));
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      el("composer")?.focus();
    });
    addEventListener("hashchange", () => this.go());
    addEventListener("focus", () => this.#readHere());
    document.addEventListener("keydown", (event) => this.#escape(event));
  }

  async start() {
    this.#bot = getWorkspace().bot_connected;
    const stored = localStorage.getItem("person");
    const known = getUser(stored) && !getUser(stored).deleted;
    await this.become(known ? stored : people()[0].id);
  }

  /** Acts as another person from now on. */
  async become(id) {
    localStorage.setItem("person", id);
    setMe(id);
    this.#stopListening();
    forgetCounts();
    this.modals.update([]);
    this.thread.close();
    this.#showBot(this.#bot);
    this.route = { channel: null, thread: null, home: false };
    // What happens after a list was read is heard, or the list has it.
    await new Promise((resolve) => {
      this.#stopListening = api.listen(id, {
        onevent: (name, data) => this.#onEvent(name, data),
        onopen: (again) => {
          resolve();
          return this.#onOpen(again);
        },
        onlost: () => {
          resolve();
          this.#showBot(null);
        },
      });
    });
    await this.go();
    await Promise.all([this.#loadViews(), this.#loadUnread()]);
  }

  /** Shows what the address says: #/home, #/channel, #/channel/thread or #/channel/thread/message. */
  async go() {
    closeMenu();
    const [, first, ...rest] = location.hash.split("/");
    if (first === "home") return this.#goHome();
    const named = this.#visible(first);
    const [thread, message] = named ? rest : [];
    const channel = named ?? firstChannel();
    const changed = this.route.channel !== channel.id;
    this.route = { channel: channel.id, thread: thread ?? null, home: false };
    place(el("main"), [this.channel.node]);
    const opening = changed
      ? this.channel.open(channel, { unreadAfter: lastRead(channel.id) })
      : null;
    // Before anything is waited for: by then somebody may be at something else.
    if (changed && !thread && matchMedia("(hover: hover)").matches)
      el("composer").focus({ preventScroll: true });
    if (channel.is_im && changed) told(api.openHome(getMe(), "messages"));
    if (thread) await this.#showThread(channel.id, thread);
    else this.thread.close();
    await opening;
    if (message) this.thread.feed.reveal(message);
    this.#readHere();
  }

  async #goHome() {
    this.route = { channel: null, thread: null, home: true };
    this.thread.close();
    place(el("main"), [this.home.node]);
    this.#updateSidebar();
    await this.home.open();
  }

  #visible(id) {
    const channel = id && getChannel(id);
    if (!channel) return null;
    return channel === myBotChannel() || myChannels().includes(channel) ? channel : null;
  }

  #openThread(ts) {
    this.#answering = true;
    const hash = `#/${this.route.channel}/${ts}`;
    if (location.hash === hash) return this.#showThread(this.route.channel, ts);
    location.hash = hash;
    return null;
  }

  /** Shows a thread; whoever opened it by hand goes on in its message box. */
  #showThread(channel, ts) {
    const opening = this.thread.open(channel, ts);
    if (this.#answering) el("thread-composer").focus({ preventScroll: true });
    this.#answering = false;
    return opening;
  }

  #closeThread() {
    const { channel, thread } = this.route;
    location.hash = `#/${channel}`;
    this.channel.feed.row(thread)?.node.focus({ preventScroll: true });
  }

  /** Examples are written into a channel: the one in view, or the first. */
  async #guide() {
    if (this.route.home) {
      location.hash = `#/${firstChannel().id}`;
      await this.go();
    }
    this.channel.guide();
  }

  #onInspector(open) {
    el("app").classList.toggle("inspecting", open);
    this.#updateSidebar();
  }

  #escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]")) return;
    if (el("app").classList.contains("sidebar-open")) this.#showSidebar(false);
    else if (this.route.thread) this.#closeThread();
  }

  #showSidebar(open) {
    el("app").classList.toggle("sidebar-open", open);
    el("scrim").hidden = !open;
    if (open) el("sidebar").querySelector("a[aria-current], a")?.focus();
  }

  /** Links to messages, as Slack writes them, open here instead of in a new tab. */
  #followPermalink(event) {
    const hash = permalinkHash(event.target.closest("a[target]")?.href);
    if (!hash || !this.#visible(hash.split("/")[1])) return;
    event.preventDefault();
    location.hash = hash;
  }

  #onEvent(name, data) {
    const handlers = {
      message: () => this.#onMessage(data),
      message_changed: () => this.#onChanged(data),
      reaction: () => this.#onChanged(data),
      message_deleted: () => this.#onDeleted(data),
      views: () => this.modals.update(data.views),
      home: () => this.home.show(data.view),
      bot: () => this.#showBot(data.connected),
      channel: () => this.#onChannel(data),
      user: () => this.#onUser(data),
      app: () => this.#onApp(data),
      session: () => this.#onSession(data),
    };
    handlers[name]?.();
  }

  #onSession(session) {
    this.thread.showSession(session);
    this.channel.showSession(session);
  }

  #onMessage(message) {
    const isReply = message.thread_ts && message.thread_ts !== message.ts;
    const here = message.channel === this.route.channel;
    if (isReply && this.thread.isAbout(message.channel, message.thread_ts))
      this.thread.feed.upsert(message);
    if (message.parent) this.#onChanged(message.parent);
    if (here && (!isReply || message.subtype === "thread_broadcast")) this.channel.upsert(message);
    countUnread(message);
    this.#readHere();
  }

  #onChanged(message) {
    for (const feed of [this.channel.feed, this.thread.feed]) feed.change(message);
  }

  #onDeleted({ channel, ts, thread_ts: thread }) {
    if (channel === this.route.channel) this.channel.remove(ts);
    if (this.thread.channel === channel) this.thread.feed.remove(ts);
    if (thread === ts && this.thread.isAbout(channel, ts)) this.#closeThread();
  }

  #onChannel(channel) {
    putChannel(channel);
    this.channel.change(channel);
    this.#updateSidebar();
  }

  #onUser({ id, deleted }) {
    setDeleted(id, deleted);
    inspector.refreshTroubles();
    if (deleted && id === getMe()) return this.become(people()[0].id);
    this.#updateSidebar();
  }

  #onApp({ installed }) {
    setInstalled(installed);
    inspector.refreshTroubles();
    this.#showBot(this.#bot);
  }

  /** After a lost connection everything shown is fetched again. */
  async #onOpen(again) {
    const fresh = await told(api.workspace());
    if (fresh) loadDirectory(fresh);
    this.#showBot(getWorkspace().bot_connected);
    if (!again) return;
    await Promise.all([
      this.route.channel ? this.channel.refresh() : this.home.refresh(),
      this.thread.refresh(),
      this.#loadViews(),
      this.#loadUnread(),
    ]);
  }

  async #loadViews() {
    const answer = await told(api.views(getMe()));
    if (answer) this.modals.update(answer.views);
  }

  async #loadUnread() {
    const me = getMe();
    const others = [...myChannels(), myBotChannel()].filter(
      (channel) => channel && channel.id !== this.route.channel,
    );
    for (const channel of others) {
      const answer = await told(api.messages({ user: me, channel: channel.id, limit: 50 }));
      if (me !== getMe()) return;
      if (answer) recount(channel.id, answer.messages);
    }
    this.#updateSidebar();
  }

  #readHere() {
    const { channel } = this.route;
    if (channel && document.hasFocus()) markRead(channel, this.channel.feed.newest);
    this.#updateSidebar();
  }

  #showBot(connected) {
    if (connected !== null) this.#bot = connected;
    this.channel.showBot(connected);
    this.home.status.className = this.channel.status.className;
    this.home.status.replaceChildren(
      ...[...this.channel.status.childNodes].map((node) => node.cloneNode(true)),
    );
  }

  #updateSidebar() {
    this.sidebar.update({ route: this.route, unread: unreadCounts() });
    const total = totalUnread();
    document.title = `${total ? `(${total}) ` : ""}${getWorkspace().team.name}`;
  }
}

const PERMALINK = /\/archives\/([CDG][A-Z0-9]+)(?:\/p(\d{10})(\d{6}))?(?:\?.*?thread_ts=([\d.]+))?/;

/** The address within this page of a link as Slack writes it, or null. */
function permalinkHash(href) {
  const found = PERMALINK.exec(href ?? "");
  if (!found) return null;
  const [, channel, seconds, micros, thread] = found;
  if (!seconds) return `#/${channel}`;
  const ts = `${seconds}.${micros}`;
  return thread && thread !== ts ? `#/${channel}/${thread}/${ts}` : `#/${channel}/${ts}`;
}

const firstChannel = () =>
  myChannels().find((channel) => channel.name === "general") ?? myChannels()[0] ?? myBotChannel();

async function start() {
  const hash = permalinkHash(location.pathname + location.search);
  if (hash) history.replaceState(null, "", `/${hash}`);
  loadDirectory(await api.workspace());
  await new App().start();
}

start().catch((error) => {
  if (!(error instanceof api.ApiError)) throw error;
  toast(error.message);
  el("main").replaceChildren(
    h(
      "div",
      { class: "home-empty" },
      h("h2", { class: "intro-title" }, "The local workspace does not answer"),
      h("p", { class: "intro-text" }, "Start it with “make run”, then load this page again."),
    ),
  );
});
