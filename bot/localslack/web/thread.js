// The side panel with one thread.

import * as api from "./api.js";
import { acceptDrops, Composer } from "./composer.js";
import { botName, channelName, getChannel, getMe } from "./directory.js";
import { h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { Prompts } from "./prompts.js";
import { told } from "./toast.js";

const FIRST = 100; // what is read first comes first
const PAGE = 1000;

export class ThreadView {
  channel = null;
  ts = null;
  #told = false;

  constructor(node, { onclose }) {
    this.node = node;
    this.where = h("p");
    this.feed = new Feed({ isThread: true, openThread: () => {} }, { label: "Thread" });
    this.composer = new Composer({ id: "thread-composer", onposted: () => this.feed.toEnd() });
    this.session = h("div", { class: "session", role: "status", hidden: true });
    this.prompts = new Prompts();
    node.append(
      h(
        "header",
        { class: "pane-head" },
        h("div", { class: "pane-title" }, h("h2", null, "Thread"), this.where),
        h(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": "Close the thread",
            title: "Close (Esc)",
            onclick: onclose,
          },
          icon("close"),
        ),
      ),
      this.feed.node,
      this.session,
      this.prompts.node,
      this.composer.node,
    );
    acceptDrops(node, this.composer);
  }

  isAbout(channel, ts) {
    return this.channel === channel && this.ts === ts;
  }

  async open(channel, ts) {
    if (this.isAbout(channel, ts)) return;
    [this.channel, this.ts] = [channel, ts];
    this.node.hidden = false;
    const { is_im: direct } = getChannel(channel);
    this.where.textContent = direct ? channelName(channel) : `#${channelName(channel)}`;
    this.composer.moveTo(channel, ts, "Reply…");
    this.session.hidden = true;
    this.prompts.reset();
    this.#told = false;
    this.composer.node.hidden = Boolean(getChannel(channel).is_archived);
    this.feed.show([]);
    let more = false;
    await this.feed.load(
      () => this.#page({ limit: FIRST }),
      (answer) => {
        if (!this.isAbout(channel, ts)) return null;
        more = answer.has_more;
        this.#sessionWas(answer.session);
        return this.feed.show(answer.messages);
      },
    );
    if (more) await this.feed.fillFrom(() => this.#older(this.feed.oldest));
  }

  /** What the bot says it is doing here, with a way to stop it. */
  showSession(session) {
    if (!this.isAbout(session.channel, session.thread_ts)) return;
    this.#told = true;
    const working = session.state === "processing";
    const text = session.words ? `${botName()} ${session.words}` : `${botName()} is working…`;
    this.session.hidden = !working && !session.words;
    const { channel, thread_ts: thread } = session;
    this.prompts.show(session);
    const stop = () => told(api.stop({ user: getMe(), channel, thread_ts: thread }));
    this.session.replaceChildren(
      h("span", { class: "session-dots", "aria-hidden": "true" }),
      h("span", { class: "session-text" }, text),
      session.can_stop
        ? h("button", { type: "button", class: "button", onclick: stop }, icon("stop"), "Stop")
        : "",
    );
  }

  /** What a list says that was on its way: by now there may be news. */
  #sessionWas(session) {
    if (!this.#told) this.showSession(session);
  }

  close() {
    [this.channel, this.ts] = [null, null];
    this.node.hidden = true;
    this.feed.show([]);
  }

  async refresh() {
    const { channel, ts } = this;
    if (!ts) return;
    this.#told = false;
    await this.feed.load(
      () => this.#all(),
      (messages) => this.isAbout(channel, ts) && this.feed.reconcile(messages),
    );
  }

  #page(more) {
    const place = { user: getMe(), channel: this.channel, thread_ts: this.ts };
    return told(api.messages({ ...place, ...more }));
  }

  /** All messages before that time. */
  async #older(before) {
    const found = [];
    let answer = null;
    do {
      answer = await this.#page({ limit: PAGE, before: found[0]?.ts ?? before });
      found.unshift(...(answer?.messages ?? []));
    } while (answer?.has_more);
    return found;
  }

  async #all() {
    const answer = await this.#page({ limit: PAGE });
    if (!answer) return null;
    this.#sessionWas(answer.session);
    if (!answer.has_more) return answer.messages;
    return [...(await this.#older(answer.messages[0].ts)), ...answer.messages];
  }
}
