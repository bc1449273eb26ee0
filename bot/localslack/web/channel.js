// The main column: one channel or direct message.

import * as api from "./api.js";
import { avatar } from "./avatar.js";
import { acceptDrops, Composer } from "./composer.js";
import { botId, botName, channelName, getMe, getUser, getWorkspace, hasBot } from "./directory.js";
import { h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { Prompts } from "./prompts.js";
import { told } from "./toast.js";
import { guideLabel, hasGuide, hasNotice, intro, openGuide } from "./welcome.js";

const PAGE = 200;

export class ChannelView {
  #more = false;
  #introKind = null;
  #loading = false;
  #connected = null;

  constructor({ openThread, openMenu: onmenu }) {
    this.openThread = openThread;
    this.title = h("div", { class: "pane-title" });
    this.tabs = h("div", { class: "tabs", hidden: true });
    this.status = h("span", { class: "pill", role: "status" });
    this.offline = offlinePill(() => this.guide());
    this.settings = h(
      "button",
      {
        type: "button",
        class: "tool",
        "aria-label": "Channel settings",
        title: "Channel settings",
        onclick: () => openMenu(this.settings, this.#actions()),
      },
      icon("more"),
    );
    this.banner = h("div", { class: "banner", hidden: true });
    this.feed = new Feed({ openThread }, { label: "Messages", onolder: () => this.#older() });
    this.prompts = new Prompts();
    this.composer = new Composer({
      id: "composer",
      onposted: (message) => {
        this.feed.toEnd();
        // An assistant has put what was said into a thread of its own.
        if (message?.thread_ts) openThread(message.thread_ts);
      },
    });
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
        this.offline,
        this.status,
        this.settings,
      ),
      this.tabs,
      this.banner,
      this.feed.node,
      this.prompts.node,
      this.composer.node,
    );
    acceptDrops(this.node, this.composer);
  }

  async open(channel, { unreadAfter }) {
    this.channel = channel;
    const name = channelName(channel.id);
    this.#describe();
    this.tabs.hidden = !channel.is_im;
    this.settings.hidden = channel.is_im;
    this.#updateState();
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
    this.prompts.reset();
    this.feed.show([]);
    await this.feed.load(
      () => this.#fetch({}),
      (answer) => {
        if (this.channel !== channel) return;
        this.#more = answer.has_more;
        this.prompts.was(answer.session);
        this.feed.show(answer.messages, { unreadAfter });
      },
    );
    this.#updateIntro();
  }

  /** Catches up with what happened while the connection was down. */
  async refresh() {
    const { channel } = this;
    this.prompts.reset();
    await this.feed.load(
      () => this.#fetch({}),
      (answer) => {
        if (this.channel !== channel) return;
        this.prompts.was(answer.session);
        this.feed.reconcile(answer.messages);
      },
    );
    this.#updateIntro();
  }

  /** What the assistant suggests outside of threads. */
  showSession(session) {
    if (this.channel?.id === session.channel && !session.thread_ts) this.prompts.show(session);
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
    this.#connected = connected;
    const [kind, label] = botState(connected);
    this.status.className = `pill pill-${kind}`;
    this.status.replaceChildren(
      h("span", { class: "pill-dot", "aria-hidden": "true" }),
      h("span", { class: "pill-text" }, label),
    );
    this.offline.hidden = !hasNotice();
    this.#updateState();
  }

  /** The channel is not what it was: archived, or the bot came or went. */
  change(channel) {
    if (this.channel?.id !== channel.id) return;
    this.channel = channel;
    this.#describe();
    this.#updateState();
  }

  /** The examples and directives, in front of the page. */
  guide() {
    openGuide({
      ...this.#beginning(),
      oninsert: (text) => this.composer.append(text),
    });
  }

  #beginning() {
    const { id, is_im: direct } = this.channel;
    return { direct, channel: id, onstarted: (message) => this.openThread(message.ts) };
  }

  #updateState() {
    if (!this.channel) return;
    this.composer.node.hidden = Boolean(this.channel.is_archived);
    showBanner(this.banner, this.#connected, this.channel, {
      guide: () => this.guide(),
      addBot: () => this.#administer("add_bot"),
    });
  }

  #administer(action) {
    return told(api.administerChannel({ user: getMe(), channel: this.channel.id, do: action }));
  }

  #actions() {
    const entry = (label, name, action, more) => ({
      label,
      icon: icon(name),
      run: () => this.#administer(action),
      ...more,
    });
    const app = hasBot(this.channel)
      ? entry(`Remove ${botName()} from the channel`, "close", "remove_bot", { danger: true })
      : entry(`Add ${botName()} to the channel`, "plus", "add_bot");
    if (!getUser(getMe()).is_admin) return [app];
    const closing = this.channel.is_archived
      ? entry("Bring the channel back", "arrow", "unarchive")
      : entry("Archive the channel", "box", "archive", { danger: true });
    return [app, null, closing];
  }

  #describe() {
    const { channel } = this;
    const mark = channel.is_im
      ? avatar(botId(), "small")
      : icon(channel.is_private ? "lock" : "hash");
    this.title.replaceChildren(
      h("h2", null, mark, channelName(channel.id)),
      h("p", null, subtitle(channel)),
    );
  }

  async #older() {
    if (!this.#more || this.#loading) return;
    this.#loading = true;
    const { channel } = this;
    await this.feed.fillFrom(async () => {
      const answer = await this.#fetch({ before: this.feed.oldest });
      if (!answer || this.channel !== channel) return [];
      this.#more = answer.has_more;
      return answer.messages;
    });
    this.#loading = false;
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
    const title = h("h3", { class: "intro-title" }, where);
    return empty ? [title, ...intro(this.#beginning()).filter(Boolean)] : [title];
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

const offlinePill = (onclick) =>
  h(
    "button",
    {
      type: "button",
      class: "pill pill-notice",
      hidden: true,
      title: "Answers are made up; what that means, and how to change it",
      onclick,
    },
    icon("info"),
    h("span", { class: "pill-text" }, "Offline model"),
  );

const AWAY =
  "The bot is not running. Messages are kept and delivered when it starts; buttons work again then.";

/** What stands under the header, as [kind, text, label of its button, what that does]. */
function bannerOf(connected, channel, { guide, addBot }) {
  if (channel?.is_archived) return ["warn", "This channel is archived: it can only be read."];
  if (!getWorkspace().app_installed)
    return ["warn", `${botName()} was uninstalled. The inspector can install it again.`];
  if (channel && !channel.is_im && !hasBot(channel))
    return ["warn", `${botName()} is not in this channel.`, "Add it", addBot];
  if (connected === false) return ["warn", AWAY];
  if (!hasNotice() || localStorage.getItem("offline-note") === "closed") return null;
  const more = hasGuide() && guide ? [guideLabel(), guide] : [];
  return ["info", getWorkspace().welcome.notice, ...more];
}

function showBanner(node, connected, channel, actions) {
  const found = bannerOf(connected, channel, actions);
  node.hidden = !found;
  if (!found) return;
  const [kind, text, label, run] = found;
  node.className = `banner banner-${kind}`;
  node.replaceChildren(icon(kind === "warn" ? "warning" : "info"), h("span", null, text));
  if (run) node.append(h("button", { type: "button", class: "linklike", onclick: run }, label));
  if (kind === "warn") return;
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
