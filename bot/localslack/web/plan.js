// Plan blocks and their task cards, patched in place so that what is open stays open.

import { h, link, place } from "./dom.js";
import { icon } from "./icons.js";
import { richText } from "./richtext.js";

const STATES = {
  pending: "waiting",
  in_progress: "running",
  complete: "done",
  error: "failed",
};

function marker(status) {
  const symbols = { complete: "check", error: "cross" };
  const props = {
    class: `task-marker status-${status}`,
    role: "img",
    "aria-label": STATES[status] ?? status,
  };
  return h("span", props, symbols[status] ? icon(symbols[status]) : null);
}

const hasBody = (task) => Boolean(task.details || task.output || task.sources?.length);

/** One task: a marker and a title; details, output and sources open on a click. */
export class TaskCard {
  #marker = h("span");
  #title = h("span", { class: "task-title" });
  #body = h("div", { class: "task-body" });
  #json = "";

  constructor(task) {
    this.node = h(
      "details",
      { class: "task", data: { task: task.task_id ?? "" } },
      h(
        "summary",
        { onclick: (event) => this.#guard(event) },
        this.#marker,
        this.#title,
        icon("right"),
      ),
      this.#body,
    );
    this.update(task);
  }

  update(task) {
    const json = JSON.stringify(task);
    if (json === this.#json) return;
    this.#json = json;
    const fresh = marker(task.status ?? "pending");
    this.#marker.replaceWith(fresh);
    this.#marker = fresh;
    this.#title.textContent = task.title;
    this.node.dataset.status = task.status ?? "pending";
    this.node.classList.toggle("task-empty", !hasBody(task));
    this.#body.replaceChildren(...taskParts(task));
  }

  #guard(event) {
    if (this.node.classList.contains("task-empty")) event.preventDefault();
  }
}

function taskParts(task) {
  const parts = [];
  if (task.details) parts.push(h("div", { class: "task-details" }, richText(task.details)));
  if (task.output) parts.push(h("div", { class: "task-output" }, richText(task.output)));
  if (task.sources?.length)
    parts.push(h("ul", { class: "task-sources" }, task.sources.map(source)));
  return parts;
}

const source = (item) => h("li", null, icon("link"), link(item.url, item.text || item.url));

/** A plan: its title, how far it is, and its tasks; closed until someone opens it. */
export class Plan {
  #title = h("span", { class: "plan-title" });
  #bar = h("span", { class: "plan-bar", "aria-hidden": "true" });
  #list = h("div", { class: "plan-tasks" });
  #cards = new Map();

  constructor(block) {
    this.node = h(
      "details",
      { class: "plan" },
      h("summary", null, icon("right"), this.#title, this.#bar),
      this.#list,
    );
    this.update(block);
  }

  update(block) {
    const tasks = block.tasks ?? [];
    this.#title.textContent = block.title;
    place(
      this.#bar,
      tasks.map((task, index) => this.#segment(task, index)),
    );
    const cards = new Map(tasks.map((task) => [task.task_id, this.#card(task)]));
    this.#cards = cards;
    place(
      this.#list,
      [...cards.values()].map((card) => card.node),
    );
  }

  #segment(task, index) {
    const node = this.#bar.childNodes[index] ?? h("span");
    node.className = `status-${task.status ?? "pending"}`;
    return node;
  }

  #card(task) {
    const card = this.#cards.get(task.task_id) ?? new TaskCard(task);
    card.update(task);
    return card;
  }
}
