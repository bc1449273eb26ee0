// The main column: one channel or direct message.

import * as api from "./api.js";
import { avatar } from "./avatar.js";
import { acceptDrops, Composer } from "./composer.js";
import { botId, botName, channelName, getMe } from "./directory.js";
import { h } from "./dom.js";
import { examples } from "./examples.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { told } from "./toast.js";

const PAGE = 200;

export class ChannelView {
  #more = false;
  #introKind = null;
  #loading = false;

  constructor({ openThread, openMenu: onmenu }) {
    this.title = h("div", { class: "pane-title" });
    this.tabs = h("div", { class: "tabs", hidden: true });
    this.status = h("span", { class: "pill", role: "status" });
    this.banner = h("div", { class: "banner", hidden: true });
    this.feed = new Feed({ openThread }, { label: "Messages", onolder: () => this.#older() });
    this.composer = new Composer({ id: "composer", onposted: () => this.feed.toEnd() });
    this.node = h(
      "div",
      { class: "pane" },
      h(
        "header",
        { class: "pane-head" },
        h(
          "button",
          {
            type: "button",
            class: "tool menu-button",
            "aria-label": "Open the sidebar",
            onclick: onmenu,
          },
          icon("menu"),
        ),
        this.title,
        this.status,
      ),
      this.tabs,
      this.banner,
      this.feed.node,
      this.composer.node,
    );
    acceptDrops(this.node, this.composer);
  }

  async open(channel, { unreadAfter }) {
    this.channel = channel;
    const name = channelName(channel.id);
    this.title.replaceChildren(
      h(
        "h2",
        null,
        channel.is_im ? avatar(botId(), "small") : icon(channel.is_private ? "lock" : "hash"),
        name,
      ),
      h("p", null, subtitle(channel)),
    );
    this.tabs.hidden = !channel.is_im;
    this.tabs.replaceChildren(
      h("a", { class: "tab", href: "#/home" }, "Home"),
      h("a", { class: "tab", href: `#/${channel.id}`, "aria-current": "page" }, "Messages"),
    );
    this.composer.moveTo(
      channel.id,
      undefined,
      channel.is_im ? `Message ${name}` : `Message #${name}`,
    );
    this.feed.intro.replaceChildren();
    this.#introKind = null;
    this.feed.show([]);
    await this.feed.load(
      () => this.#fetch({}),
      (answer) => {
        if (this.channel !== channel) return;
        this.#more = answer.has_more;
        this.feed.show(answer.messages, { unreadAfter });
      },
    );
    this.#updateIntro();
  }

  /** Catches up with what happened while the connection was down. */
  async refresh() {
    const { channel } = this;
    await this.feed.load(
      () => this.#fetch({}),
      (answer) => {
        if (this.channel === channel) this.feed.reconcile(answer.messages);
      },
    );
    this.#updateIntro();
  }

  upsert(message) {
    this.feed.upsert(message);
    this.#updateIntro();
  }

  remove(ts) {
    this.feed.remove(ts);
    this.#updateIntro();
  }

  /** Says whether the bot is there; `null` while the page itself has no connection. */
  showBot(connected) {
    const [kind, label] = botState(connected);
    this.status.className = `pill pill-${kind}`;
    this.status.title = "Without an API key the offline model answers: its answers are made up.";
    this.status.replaceChildren(
      h("span", { class: "pill-dot", "aria-hidden": "true" }),
      h("span", { class: "pill-text" }, label),
    );
    showBanner(this.banner, connected);
  }

  async #older() {
    if (!this.#more || this.#loading) return;
    this.#loading = true;
    const { channel } = this;
    const answer = await this.#fetch({ before: this.feed.oldest });
    this.#loading = false;
    if (!answer || this.channel !== channel) return;
    this.#more = answer.has_more;
    await this.feed.fill(answer.messages);
    this.#updateIntro();
  }

  #fetch(more) {
    return told(api.messages({ user: getMe(), channel: this.channel.id, limit: PAGE, ...more }));
  }

  #updateIntro() {
    const empty = this.feed.size === 0;
    const kind = this.#more ? "more" : empty ? "empty" : "start";
    if (this.#introKind === kind) return;
    this.#introKind = kind;
    this.feed.intro.replaceChildren(...(this.#more ? [] : this.#intro(empty)));
    this.feed.node.classList.toggle("feed-empty", empty);
  }

  #intro(empty) {
    const direct = this.channel.is_im;
    const name = channelName(this.channel.id);
    const where = direct
      ? `This is your conversation with ${name}`
      : `This is the beginning of #${name}`;
    if (!empty) return [h("h3", { class: "intro-title" }, where)];
    const how = direct
      ? "Write a task. It becomes a plan; once you approve it, workers carry it out, and the answer comes into the thread."
      : `Mention @${botName()} with a task. It becomes a plan; once you approve it, workers carry it out, and the answer comes into the thread.`;
    return [
      h("h3", { class: "intro-title" }, where),
      h("p", { class: "intro-text" }, how),
      h("h4", { class: "intro-label" }, "Try one of these"),
      examples({ direct, onpick: (text) => this.composer.fill(text) }),
    ];
  }
}

function botState(connected) {
  if (connected === null) return ["lost", "Reconnecting…"];
  return connected ? ["on", `${botName()} is connected`] : ["off", `${botName()} is not connected`];
}

function subtitle(channel) {
  if (channel.is_im) return "App · direct message";
  const members = `${channel.members.length} members`;
  return channel.topic ? `${members} · ${channel.topic}` : members;
}

/** The line under the header: what offline answers are, or that the bot is away. */
export function showBanner(node, connected) {
  node.className = connected === false ? "banner banner-warn" : "banner";
  const text =
    connected === false
      ? "The bot is not running. Messages are kept and delivered when it starts; buttons work again then."
      : "With the offline model every answer is made up; everything else is real. Set ANTHROPIC_API_KEY to have Claude answer.";
  const hidden = connected !== false && localStorage.getItem("offline-note") === "closed";
  node.hidden = hidden;
  node.replaceChildren(icon(connected === false ? "warning" : "info"), h("span", null, text));
  if (connected === false) return;
  const close = () => {
    localStorage.setItem("offline-note", "closed");
    node.hidden = true;
  };
  node.append(
    h(
      "button",
      { type: "button", class: "tool", "aria-label": "Close this note", onclick: close },
      icon("close"),
    ),
  );
}
