// Completion while typing: people and the bot after @, slash commands at the start.

import { avatar } from "./avatar.js";
import { displayName, everyone, getWorkspace } from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const MOST = 8;

const handle = (user) => (user.is_bot ? user.name : displayName(user));

function mentions(word) {
  const wanted = word.toLowerCase();
  const fits = (user) =>
    [user.name, displayName(user)].some(
      (name) =>
        name
          .toLowerCase()
          .split(/\s+/)
          .some((part) => part.startsWith(wanted)) || name.toLowerCase().startsWith(wanted),
    );
  return everyone()
    .filter(fits)
    .sort((a, b) => Number(b.is_bot) - Number(a.is_bot))
    .map((user) => ({
      insert: `@${handle(user)} `,
      label: handle(user),
      hint: user.is_bot ? "app" : user.name,
      mark: avatar(user.id, "small"),
    }));
}

function commands(word) {
  return getWorkspace()
    .commands.filter((command) => command.command.startsWith(`/${word}`))
    .map((command) => ({
      insert: `${command.command} `,
      label: command.command,
      hint: [command.usage_hint, command.description].filter(Boolean).join(" · "),
      mark: icon("slash"),
    }));
}

/** What could be meant before the caret: `{from, choices}`, or null. */
function find(text, caret) {
  const before = text.slice(0, caret);
  const slash = /^\/([\w-]*)$/.exec(before);
  if (slash) return { from: 0, choices: commands(slash[1]) };
  const at = /(?:^|[\s(])@([\p{L}\p{N}._-]*(?: [\p{L}\p{N}._-]*)?)$/u.exec(before);
  if (at) return { from: caret - at[1].length - 1, choices: mentions(at[1]) };
  return null;
}

/** Offers completions in `holder` for what is typed in `box`. */
export class Completion {
  #found = null;
  #chosen = 0;

  constructor(box, holder) {
    this.box = box;
    this.list = h("ul", {
      class: "completion",
      role: "listbox",
      id: `completion-${crypto.randomUUID()}`,
      hidden: true,
    });
    holder.append(this.list);
    box.setAttribute("aria-controls", this.list.id);
    box.setAttribute("aria-autocomplete", "list");
    box.addEventListener("input", () => this.#update());
    box.addEventListener("blur", () => this.close());
  }

  get isOpen() {
    return !this.list.hidden;
  }

  close() {
    this.list.hidden = true;
    this.box.removeAttribute("aria-activedescendant");
  }

  /** Takes the key when the list is open and the key means something to it. */
  key(event) {
    if (!this.isOpen) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && this.#isTyped()) {
      this.close();
      return false;
    }
    if (step) this.#choose(this.#chosen + step);
    else if (event.key === "Enter" || event.key === "Tab") this.#accept(this.#chosen);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  /** Whether the chosen command is there in full, so that Enter sends it. */
  #isTyped() {
    const { from, choices } = this.#found;
    const typed = this.box.value.slice(from);
    return typed.startsWith("/") && choices[this.#chosen].insert === `${typed} `;
  }

  #update() {
    this.#found = find(this.box.value, this.box.selectionStart);
    const choices = this.#found?.choices.slice(0, MOST) ?? [];
    if (!choices.length) return this.close();
    this.list.replaceChildren(...choices.map((choice, index) => this.#option(choice, index)));
    this.list.hidden = false;
    this.#choose(0);
  }

  #option({ label, hint, mark }, index) {
    const accept = (event) => {
      event.preventDefault();
      this.#accept(index);
    };
    const props = { role: "option", id: `${this.list.id}-${index}`, onpointerdown: accept };
    return h(
      "li",
      props,
      mark,
      h("span", { class: "completion-label" }, label),
      hint ? h("span", { class: "completion-hint" }, hint) : null,
    );
  }

  #choose(index) {
    const options = [...this.list.children];
    this.#chosen = (index + options.length) % options.length;
    for (const [at, option] of options.entries())
      option.setAttribute("aria-selected", String(at === this.#chosen));
    options[this.#chosen].scrollIntoView({ block: "nearest" });
    this.box.setAttribute("aria-activedescendant", options[this.#chosen].id);
  }

  #accept(index) {
    const { from, choices } = this.#found;
    this.box.setRangeText(choices[index].insert, from, this.box.selectionStart, "end");
    this.close();
    this.box.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
    this.box.focus();
  }
}
