// The box where messages and commands are written.

import * as api from "./api.js";
import { Completion } from "./complete.js";
import { getMe, getWorkspace } from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { openMenu } from "./menu.js";
import { toast, told } from "./toast.js";

export class Composer {
  #place = null;
  #drafts = new Map();
  #files = [];
  #sending = Promise.resolve();

  /** `id` names the box; `onposted(message)` is called when a message, or a command, was taken. */
  constructor({ id, onposted }) {
    this.onposted = onposted;
    this.box = h("textarea", {
      id,
      class: "composer-box",
      rows: 1,
      oninput: () => this.#grow(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => this.#paste(event),
    });
    this.chips = h("ul", { class: "chips", hidden: true });
    this.problem = h("p", { class: "composer-problem", role: "alert", hidden: true });
    this.picker = h("input", {
      type: "file",
      multiple: true,
      hidden: true,
      "aria-label": "Files to attach",
      onchange: () => this.#pick(),
    });
    this.sendButton = h(
      "button",
      {
        type: "button",
        class: "composer-send",
        "aria-label": "Send",
        title: "Send (Enter)",
        disabled: true,
        onclick: () => this.send(),
      },
      icon("send"),
    );
    this.frame = h("div", { class: "composer-frame" }, this.box, this.chips, this.#tools());
    this.node = h("div", { class: "composer" }, this.problem, this.frame);
    this.completion = new Completion(this.box, this.frame);
  }

  /** Moves to another channel or thread; what was typed in each stays there. */
  moveTo(channel, threadTs, placeholder) {
    this.#drafts.set(this.#draftKey(), this.box.value);
    this.#place = { channel, thread_ts: threadTs };
    this.box.placeholder = placeholder;
    this.box.setAttribute("aria-label", placeholder);
    this.#tell("");
    this.#setFiles([]);
    this.fill(this.#drafts.get(this.#draftKey()) ?? "", { focus: false });
  }

  fill(text, { focus = true } = {}) {
    this.box.value = text;
    this.#grow();
    if (!focus) return;
    this.box.focus();
    this.box.setSelectionRange(text.length, text.length);
  }

  /** Adds words at the end of what is typed. */
  append(text) {
    const { value } = this.box;
    this.fill(value && !/\s$/.test(value) ? `${value} ${text}` : value + text);
  }

  async attach(files) {
    const sent = await Promise.all([...files].map((file) => told(api.upload(getMe(), file))));
    this.#setFiles([...this.#files, ...sent.filter(Boolean)]);
    this.box.focus();
  }

  /** Sends what is in the box, which is free at once; messages go one after the other. */
  send() {
    const text = this.box.value.trim();
    const files = this.#files;
    if (!text && !files.length) return null;
    const place = this.#place;
    this.#tell("");
    this.fill("");
    this.#setFiles([]);
    this.#sending = this.#sending.then(() => this.#deliver({ text, files, place }));
    return this.#sending;
  }

  async #deliver({ text, files, place }) {
    try {
      const answer = await post({ text, files, place });
      this.onposted(answer.message);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      if (place === this.#place) this.#giveBack(text, files, error.message);
      else toast(error.message);
    }
  }

  /** What could not be sent is in the box again, before what was typed since. */
  #giveBack(text, files, problem) {
    this.#tell(problem);
    this.#setFiles([...files, ...this.#files]);
    this.fill([text, this.box.value].filter(Boolean).join("\n"), { focus: false });
  }

  #draftKey() {
    return `${this.#place?.channel}/${this.#place?.thread_ts ?? ""}`;
  }

  #tools() {
    const tool = (label, name, onclick) =>
      h(
        "button",
        { type: "button", class: "tool", "aria-label": label, title: label, onclick },
        icon(name),
      );
    const more = tool("Shortcuts", "bolt", () => openMenu(more, this.#shortcuts()));
    more.hidden = !globalShortcuts().length;
    return h(
      "div",
      { class: "composer-tools" },
      this.picker,
      tool("Attach a file", "clip", () => this.picker.click()),
      tool("Mention someone", "at", () => this.#type("@")),
      tool("Slash command", "slash", () => this.#type("/")),
      more,
      h(
        "span",
        { class: "composer-hint" },
        h("kbd", null, "Enter"),
        " sends · ",
        h("kbd", null, "Shift + Enter"),
        " new line",
      ),
      this.sendButton,
    );
  }

  #shortcuts() {
    return globalShortcuts().map((shortcut) => ({
      label: shortcut.name,
      icon: icon("bolt"),
      run: () => told(api.shortcut({ user: getMe(), callback_id: shortcut.callback_id })),
    }));
  }

  #type(sign) {
    const { value, selectionStart } = this.box;
    const gap =
      sign === "@" && selectionStart > 0 && !/\s/.test(value[selectionStart - 1]) ? " " : "";
    if (sign === "/" && value)
      return toast("A command starts its message: empty the box first.", "info");
    this.box.setRangeText(gap + sign, selectionStart, this.box.selectionEnd, "end");
    this.box.focus();
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #key(event) {
    if (this.completion.key(event)) return;
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.send();
  }

  #paste(event) {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    this.attach(event.clipboardData.files);
  }

  #pick() {
    const files = [...this.picker.files];
    this.picker.value = "";
    return this.attach(files);
  }

  #setFiles(files) {
    this.#files = files;
    this.chips.hidden = !files.length;
    this.chips.replaceChildren(...files.map((file) => this.#chip(file)));
    this.#grow();
  }

  #chip(file) {
    const remove = () => this.#setFiles(this.#files.filter((other) => other !== file));
    return h(
      "li",
      { class: "chip" },
      icon("file"),
      h("span", null, file.name),
      h(
        "button",
        {
          type: "button",
          class: "chip-remove",
          "aria-label": `Remove ${file.name}`,
          onclick: remove,
        },
        icon("close"),
      ),
    );
  }

  #tell(text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
  }

  #grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
    this.sendButton.disabled = !this.box.value.trim() && !this.#files.length;
  }
}

function post({ text, files, place }) {
  const where = { user: getMe(), ...place };
  const command = /^(\/[\w-]+)(?:\s+([^]*))?$/.exec(text);
  if (!command || files.length)
    return api.postMessage({ ...where, text, files: files.map((file) => file.id) });
  const isKnown = getWorkspace().commands.some((known) => known.command === command[1]);
  if (command[1] !== "/me" && !isKnown) {
    throw new api.ApiError(
      "unknown_command",
      `${command[1]} is not a command here. Type / to see those there are.`,
    );
  }
  return api.command({ ...where, command: command[1], text: command[2] ?? "" });
}

const globalShortcuts = () =>
  getWorkspace().shortcuts.filter((shortcut) => shortcut.type === "global");

/** Lets files be dropped anywhere on `area`. */
export function acceptDrops(area, composer) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    area.classList.toggle("dropping", depth > 0);
  };
  area.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  area.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  area.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  area.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(-depth);
    composer.attach(event.dataTransfer.files);
  });
}
