// One message as a row: who, when, what it says, its files, reactions and thread.

import * as api from "./api.js";
import { attachments } from "./attachments.js";
import { avatar, isFromApp, isFromBot } from "./avatar.js";
import { BlockContext, BlockList } from "./blocks.js";
import { ago, clock, dayLabel, fullTime, shortClock } from "./dates.js";
import { botId, getMe, getUser, userName } from "./directory.js";
import { h } from "./dom.js";
import { emojiText } from "./emoji.js";
import { icon } from "./icons.js";
import { openPicture } from "./lightbox.js";
import { mrkdwn, unescapeText } from "./mrkdwn.js";
import { told } from "./toast.js";

/** Stored text as its author would type it: names for ids, plain characters for entities. */
export function editableText(text) {
  const named = text.replace(/<@([UW][A-Z0-9]+)(?:\|[^>]*)?>/g, (_, id) => `@${userName(id)}`);
  return unescapeText(named.replace(/<((?:https?|mailto):[^<>|]+)(?:\|[^<>]*)?>/g, "$1"));
}

/** `room` says where the row stands: `openThread(ts)` and whether it `isThread`. */
export class MessageRow {
  #slots = new Map();
  #blocks = null;

  constructor(message, room) {
    this.room = room;
    this.body = h("div", { class: "row-body" });
    this.gutter = h("div", { class: "row-gutter" });
    this.divider = null;
    this.line = h("div", { class: "row-line" }, this.gutter, this.body);
    this.node = h("li", { class: "row", tabindex: "-1", data: { ts: message.ts } }, this.line);
    this.update(message);
  }

  update(message) {
    this.message = message;
    this.node.classList.toggle("ephemeral", Boolean(message.is_ephemeral));
    this.node.classList.toggle("tombstone", message.subtype === "tombstone");
    const authorId = isFromBot(message) ? botId() : (message.user ?? message.bot_id);
    this.#slot("avatar", authorId, () =>
      this.gutter.replaceChildren(avatar(authorId), gutterTime(message.ts)),
    );
    this.#part("note", message.is_ephemeral, () => this.#ephemeralNote());
    this.#part("head", [authorId, message.username], () => head(message, authorId));
    this.#updateContent(message);
    this.#part("attachments", message.attachments, () => attachments(message.attachments));
    this.#part("files", message.files, () => files(message.files ?? []));
    this.#part("reactions", [message.reactions, getMe()], () => this.#reactions());
    this.#part(
      "thread",
      this.room.isThread ? null : [message.reply_count, message.latest_reply],
      () => this.#thread(),
    );
  }

  /** What depends on the row before: a day divider, the unread line, or the same author going on. */
  decorate({ newDay, follows, unread }) {
    this.node.classList.toggle("follows", follows && !newDay && !unread);
    const key = `${newDay}${unread}`;
    this.#slot("divider", key, () => {
      this.divider?.remove();
      this.divider = newDay || unread ? divider(this.message.ts, { newDay, unread }) : null;
      if (this.divider) this.node.prepend(this.divider);
    });
  }

  #slot(name, value, build) {
    const json = JSON.stringify(value) ?? "";
    const slot = this.#slots.get(name);
    if (slot?.json === json) return;
    this.#slots.set(name, { ...slot, json });
    build();
  }

  /** A part of the body, rebuilt only when what it shows has changed. */
  #part(name, value, build) {
    this.#slot(name, value, () => {
      const slot = this.#slots.get(name);
      const node = build() ?? h("div", { hidden: true });
      if (slot.node) slot.node.replaceWith(node);
      else this.body.append(node);
      slot.node = node;
    });
  }

  #updateContent(message) {
    // What a person typed is drawn from the text, which says the same as its blocks.
    const rich = Boolean(message.blocks?.length) && isFromApp(message);
    this.#part("content", rich ? "blocks" : [message.text, message.edited, getMe()], () => {
      this.#blocks = null;
      if (!rich) return textContent(message);
      this.#blocks = new BlockList(this.#context());
      return h("div", { class: "row-content" }, this.#blocks.node);
    });
    this.#blocks?.update(message.blocks);
  }

  #context() {
    const { channel, ts } = this.message;
    const act = (blockId, element, value) =>
      told(
        api.act({
          user: getMe(),
          container: { type: "message", channel, ts },
          block_id: blockId,
          action_id: element.action_id,
          value,
        }),
      );
    const suggest = (blockId, element, value) =>
      told(
        api.suggest({
          user: getMe(),
          container: { type: "message", channel, ts },
          block_id: blockId,
          action_id: element.action_id,
          value,
        }),
      );
    return new BlockContext({ act, suggest, current: channel });
  }

  #ephemeralNote() {
    if (!this.message.is_ephemeral) return null;
    const dismiss = h(
      "button",
      { type: "button", class: "linklike", onclick: () => this.#dismiss() },
      "Dismiss",
    );
    return h("div", { class: "row-note" }, icon("eye"), "Only visible to you · ", dismiss);
  }

  #dismiss() {
    const { channel, ts } = this.message;
    return told(api.deleteMessage({ user: getMe(), channel, ts }));
  }

  #reactions() {
    const { reactions, channel, ts } = this.message;
    if (!reactions?.length) return null;
    const chip = (reaction) => {
      const mine = reaction.users.includes(getMe());
      const who = reaction.users.map(userName).join(", ");
      const react = () => told(api.react({ user: getMe(), channel, ts, name: reaction.name }));
      const props = {
        type: "button",
        class: "reaction",
        "aria-pressed": String(mine),
        title: `${who} reacted with :${reaction.name}:`,
        onclick: react,
      };
      return h(
        "button",
        props,
        h("span", { class: "emoji" }, emojiText(reaction.name)),
        String(reaction.count),
      );
    };
    return h("div", { class: "reactions" }, reactions.map(chip));
  }

  #thread() {
    const { reply_count: count, reply_users: users = [], latest_reply: latest, ts } = this.message;
    if (!count || this.room.isThread) return null;
    return h(
      "button",
      { type: "button", class: "thread-row", onclick: () => this.room.openThread(ts) },
      h(
        "span",
        { class: "thread-faces" },
        users.slice(0, 4).map((user) => avatar(user, "small")),
      ),
      h("span", { class: "thread-count" }, `${count} ${count === 1 ? "reply" : "replies"}`),
      latest ? h("span", { class: "thread-last" }, `Last reply ${ago(latest)}`) : null,
    );
  }

  /** Turns the text into a box; Enter saves, Escape leaves it as it was. */
  edit() {
    const content = () => this.#slots.get("content").node;
    const box = h("textarea", { class: "input", rows: 3, "aria-label": "Edit your message" });
    box.value = editableText(this.message.text);
    const leave = () => form.replaceWith(content());
    const save = async () => {
      const { channel, ts } = this.message;
      if (await told(api.editMessage({ user: getMe(), channel, ts, text: box.value }))) leave();
    };
    const keys = { Enter: save, Escape: leave };
    box.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      event.stopPropagation();
      keys[event.key]();
    });
    const form = h(
      "div",
      { class: "row-edit" },
      box,
      h(
        "div",
        { class: "row-edit-actions" },
        h("button", { type: "button", class: "button", onclick: leave }, "Cancel"),
        h("button", { type: "button", class: "button primary", onclick: save }, "Save"),
      ),
    );
    content().replaceWith(form);
    box.focus();
  }
}

const gutterTime = (ts) => h("time", { class: "gutter-time", title: fullTime(ts) }, shortClock(ts));

function head(message, authorId) {
  const name = message.username || userName(authorId);
  return h(
    "div",
    { class: "row-head" },
    h("span", { class: "author" }, name),
    isFromApp(message) ? h("span", { class: "badge" }, "APP") : null,
    getUser(authorId)?.is_admin
      ? h("span", { class: "badge badge-quiet", title: "Workspace admin" }, "ADMIN")
      : null,
    h("time", { class: "row-time", title: fullTime(message.ts) }, clock(message.ts)),
  );
}

function textContent(message) {
  if (!message.text && (message.files || message.attachments)?.length) return null;
  const edited = message.edited
    ? h("span", { class: "edited", title: fullTime(message.edited.ts) }, " (edited)")
    : null;
  const words = mrkdwn(message.text ?? "");
  const said = message.subtype === "me_message" ? h("em", null, words) : words;
  return h("div", { class: "row-content row-text" }, said, edited);
}

function divider(ts, { newDay, unread }) {
  const label = newDay ? h("span", { class: "day" }, dayLabel(ts)) : null;
  const fresh = unread ? h("span", { class: "new" }, "New") : null;
  return h(
    "div",
    { class: `divider${unread ? " divider-new" : ""}`, role: "separator" },
    label,
    fresh,
  );
}

const SHOWN_IMAGES = /^image\/(png|jpe?g|gif|webp|svg\+xml)$/;

function files(list) {
  return list.length ? h("div", { class: "files" }, list.map(file)) : null;
}

function file(item) {
  const path = `/local/files/${encodeURIComponent(item.id)}`;
  const name = item.name || item.title || item.id;
  // Always a download: a file opened as a page of this origin could run scripts here.
  const save = { href: path, download: name };
  if (SHOWN_IMAGES.test(item.mimetype ?? "")) {
    return h(
      "button",
      {
        type: "button",
        class: "file-image",
        title: name,
        onclick: () => openPicture({ path, name }),
      },
      h("img", { src: path, alt: name, loading: "lazy" }),
    );
  }
  const kind = (name.split(".").at(-1) ?? "").slice(0, 4).toUpperCase();
  return h(
    "a",
    { class: "file", ...save },
    h("span", { class: "file-icon" }, icon("file")),
    h(
      "span",
      { class: "file-text" },
      h("span", { class: "file-name" }, name),
      h("span", { class: "file-meta" }, `${kind} · ${size(item.size)}`),
    ),
  );
}

const UNITS = ["bytes", "KB", "MB", "GB"];

function size(bytes = 0) {
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  const amount = bytes / 1024 ** step;
  return `${amount < 10 && step ? amount.toFixed(1) : Math.round(amount)} ${UNITS[step]}`;
}
