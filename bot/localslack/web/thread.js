// The side panel with one thread.

import * as api from "./api.js";
import { acceptDrops, Composer } from "./composer.js";
import { channelName, getChannel, getMe } from "./directory.js";
import { h } from "./dom.js";
import { Feed } from "./feed.js";
import { icon } from "./icons.js";
import { told } from "./toast.js";

const PAGE = 1000;

export class ThreadView {
  channel = null;
  ts = null;

  constructor(node, { onclose }) {
    this.node = node;
    this.where = h("p");
    this.feed = new Feed({ isThread: true, openThread: () => {} }, { label: "Thread" });
    this.composer = new Composer({ id: "thread-composer", onposted: () => this.feed.toEnd() });
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
    this.feed.show([]);
    await this.feed.load(
      () => this.#fetch(),
      (messages) => this.isAbout(channel, ts) && this.feed.show(messages),
    );
  }

  close() {
    [this.channel, this.ts] = [null, null];
    this.node.hidden = true;
    this.feed.show([]);
  }

  async refresh() {
    const { channel, ts } = this;
    if (!ts) return;
    await this.feed.load(
      () => this.#fetch(),
      (messages) => this.isAbout(channel, ts) && this.feed.reconcile(messages),
    );
  }

  async #fetch() {
    const place = { user: getMe(), channel: this.channel, thread_ts: this.ts, limit: PAGE };
    let answer = await told(api.messages(place));
    let messages = answer?.messages ?? null;
    while (answer?.has_more && answer.messages.length > 1) {
      // The parent leads each page; the oldest reply after it is where the page before ends.
      const before = messages.find((message) => message.ts !== this.ts)?.ts;
      answer = await told(api.messages({ ...place, before }));
      const known = new Set(messages.map((message) => message.ts));
      const older = (answer?.messages ?? []).filter((message) => !known.has(message.ts));
      if (!older.length) break;
      messages = [...messages, ...older].sort((a, b) => (a.ts < b.ts ? -1 : 1));
    }
    return messages;
  }
}
