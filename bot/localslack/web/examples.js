// What an empty channel offers: tasks that show what the bot can do.

import { botName } from "./directory.js";
import { h } from "./dom.js";

const EXAMPLES = [
  {
    title: "Compare and recommend",
    task: "Compare three open-source vector databases for a small team, then recommend one",
  },
  {
    title: "Plan a launch",
    task: "Write a launch plan for a note-taking app: audience, channels, budget and risks",
  },
  {
    title: "Say the steps yourself",
    task: "1. Collect the facts about heat pumps 2. Work out the costs for a small house 3. Write a one-page summary",
  },
  {
    title: "Watch it work",
    note: "Subtask 2 takes five seconds",
    task: "Research the market for city bikes, analyse the competitors and draft a positioning #slow(2,5s)",
  },
  {
    title: "Be asked something",
    note: "Subtask 1 needs an answer from you",
    task: "Plan a two-day team offsite, estimate its costs and write the invitation #question(1)",
  },
  {
    title: "See a failure handled",
    note: "Subtask 2 fails three times; retry it from the thread",
    task: "Gather customer complaints, group them by cause, then suggest fixes #fail(2,3)",
  },
];

/** Six cards; a click hands the task to `onpick(text)`. */
export function examples({ onpick, direct }) {
  const mention = direct ? "" : `@${botName()} `;
  const card = ({ title, note, task }) =>
    h(
      "button",
      { type: "button", class: "example", onclick: () => onpick(mention + task) },
      h("span", { class: "example-title" }, title),
      h("span", { class: "example-task" }, task),
      note ? h("span", { class: "example-note" }, note) : null,
    );
  return h("div", { class: "examples" }, EXAMPLES.map(card));
}
