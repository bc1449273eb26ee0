// What can be done with one message; a single bar that moves to the row in hand.

import * as api from "./api.js";
import { copy } from "./clipboard.js";
import { askConfirm } from "./dialog.js";
import { botName, getMe, getWorkspace } from "./directory.js";
import { h } from "./dom.js";
import { emojiText, PICKER } from "./emoji.js";
import { icon } from "./icons.js";
import { inspector } from "./inspector.js";
import { moveFocus, openMenu, openPanel } from "./menu.js";
import { told } from "./toast.js";

const QUICK = ["white_check_mark", "eyes"];

export class Toolbar {
  #row = null;

  constructor(room) {
    this.room = room;
    const tool = (label, content, onclick) =>
      h(
        "button",
        { type: "button", class: "tool", "aria-label": label, title: label, onclick },
        content,
      );
    const quick = QUICK.map((name) =>
      tool(`React with :${name}:`, h("span", { class: "emoji" }, emojiText(name)), () =>
        this.#react(name),
      ),
    );
    this.more = tool("More actions", icon("more"), () => openMenu(this.more, this.#entries()));
    this.smile = tool("Add a reaction", icon("smile"), () => this.#pick());
    this.reply = tool("Reply in thread", icon("reply"), () =>
      this.room.openThread(this.#row.message.thread_ts ?? this.#row.message.ts),
    );
    this.node = h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Message actions" },
      quick,
      this.smile,
      this.reply,
      this.more,
    );
  }

  moveTo(row) {
    if (row === this.#row && this.node.isConnected) return;
    if (this.node.querySelector('[aria-expanded="true"]')) return;
    this.#row = row;
    this.reply.hidden = this.room.isThread || Boolean(row.message.is_ephemeral);
    row.line.append(this.node);
  }

  #place() {
    const { channel, ts } = this.#row.message;
    return { user: getMe(), channel, ts };
  }

  #react(name) {
    return told(api.react({ ...this.#place(), name }));
  }

  #pick() {
    let close = null;
    const choose = (name) => () => {
      close(true);
      this.#react(name);
    };
    const button = (name) =>
      h(
        "button",
        { type: "button", "aria-label": name, title: `:${name}:`, onclick: choose(name) },
        emojiText(name),
      );
    const panel = h("div", { class: "picker", onkeydown: moveFocus }, PICKER.map(button));
    close = openPanel(this.smile, panel);
    panel.querySelector("button").focus();
  }

  #entries() {
    const row = this.#row;
    const { message } = row;
    const { channel, ts } = message;
    const mine = message.user === getMe() && !message.bot_id && !message.is_ephemeral;
    const own = [
      { label: "Edit message", icon: icon("pencil"), run: () => row.edit() },
      { label: "Delete message", icon: icon("trash"), danger: true, run: () => this.#delete() },
    ];
    const shortcuts = message.is_ephemeral ? [] : this.#shortcuts();
    return [
      ...shortcuts,
      ...(shortcuts.length ? [null] : []),
      { label: "Copy link", icon: icon("link"), run: () => copy(linkTo(message), "Link copied") },
      {
        label: "Copy text",
        icon: icon("copy"),
        run: () => copy(row.body.innerText, "Text copied"),
      },
      {
        label: "Show JSON",
        icon: icon("terminal"),
        run: () => inspector.inspectMessage({ user: getMe(), channel, ts }),
      },
      ...(mine ? [null, ...own] : []),
    ];
  }

  #shortcuts() {
    const forMessages = getWorkspace().shortcuts.filter((shortcut) => shortcut.type !== "global");
    const { ts, ...where } = this.#place();
    return forMessages.map((shortcut) => ({
      label: shortcut.name,
      hint: botName(),
      icon: icon("bolt"),
      run: () =>
        told(api.shortcut({ ...where, callback_id: shortcut.callback_id, message_ts: ts })),
    }));
  }

  async #delete() {
    const place = this.#place();
    const sure = await askConfirm({
      title: "Delete this message?",
      text: "It goes for everyone and cannot be brought back.",
      confirm: "Delete",
      style: "danger",
    });
    if (sure) await told(api.deleteMessage(place));
  }
}

function linkTo(message) {
  const place = [message.channel, message.thread_ts, message.ts].filter(Boolean);
  return `${location.origin}/#/${place.join("/")}`;
}
