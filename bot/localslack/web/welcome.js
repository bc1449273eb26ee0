// What the page tells a newcomer of the app: notice, examples, directives. All words are the app's.

import * as api from "./api.js";
import { botName, getMe, getWorkspace } from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { told } from "./toast.js";

const words = () => getWorkspace().welcome;

export const hasNotice = () => Boolean(words().notice);

/** Whether there is anything to read behind "Try it". */
export const hasGuide = () => Boolean(words().notice || words().examples.length);

export const guideLabel = () =>
  words().directives.length ? "Examples and directives" : "Examples";

/** The beginning of an empty channel: what to do, and examples to click. */
export function intro({ direct, channel, onstarted }) {
  const { how, examples } = words();
  return [
    how ? h("p", { class: "intro-text" }, how) : null,
    examples.length ? h("h4", { class: "intro-label" }, "Try one of these, with one click") : null,
    examples.length ? cards({ direct, channel, onstarted }) : null,
  ];
}

/** Writes an example to the app in the channel, as a person would; gives its message. */
async function start(text, { direct, channel }) {
  const task = direct ? text : `@${botName()} ${text}`;
  const answer = await told(api.postMessage({ user: getMe(), channel, text: task }));
  return answer?.message ?? null;
}

function cards({ direct, channel, onstarted }) {
  const card = ({ title, note, text }) => {
    const begin = async () => {
      node.disabled = true;
      const message = await start(text, { direct, channel });
      node.disabled = false;
      if (message) onstarted(message);
    };
    const node = h(
      "button",
      { type: "button", class: "example", onclick: begin },
      h("span", { class: "example-title" }, title),
      h("span", { class: "example-task" }, text),
      note ? h("span", { class: "example-note" }, note) : null,
    );
    return node;
  };
  return h("div", { class: "examples" }, words().examples.map(card));
}

/** Everything at once, in front of the page; `oninsert(text)` puts a directive into the box. */
export function openGuide({ direct, channel, onstarted, oninsert }) {
  const close = () => {
    dialog.close();
    dialog.remove();
  };
  const after = (run) => (value) => {
    close();
    run(value);
  };
  const dialog = h(
    "dialog",
    {
      class: "dialog guide",
      "aria-labelledby": "guide-title",
      oncancel: close,
      onclick: (event) => event.target === dialog && close(),
    },
    h(
      "div",
      { class: "modal-frame" },
      h(
        "header",
        { class: "modal-head" },
        h("h2", { class: "modal-title", id: "guide-title" }, `Try ${botName()}`),
        closeButton(close),
      ),
      h(
        "div",
        { class: "modal-body", tabindex: "0", role: "region", "aria-label": "Guide" },
        notice(),
        section("Example tasks", "Each is written to the channel with one click.", [
          cards({ direct, channel, onstarted: after(onstarted) }),
        ]),
        directives(after(oninsert)),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

const closeButton = (close) =>
  h(
    "button",
    { type: "button", class: "tool", "aria-label": "Close", title: "Close (Esc)", onclick: close },
    icon("close"),
  );

function section(title, hint, content) {
  return h(
    "section",
    { class: "guide-section" },
    h("h3", null, title),
    hint ? h("p", { class: "hint" }, hint) : null,
    content,
  );
}

function notice() {
  const { how, notice: said, remedy, command } = words();
  if (!said) return how ? h("p", null, how) : null;
  return h(
    "div",
    { class: "block-alert alert-info" },
    icon("info"),
    h(
      "div",
      null,
      h("p", null, h("strong", null, said)),
      remedy ? h("p", null, remedy) : null,
      command ? h("pre", { class: "code" }, command) : null,
    ),
  );
}

function directives(oninsert) {
  const { directives: list } = words();
  if (!list.length) return null;
  const row = ({ form, meaning }) =>
    h(
      "tr",
      null,
      h(
        "td",
        null,
        h("button", { type: "button", class: "directive", onclick: () => oninsert(form) }, form),
      ),
      h("td", null, meaning),
    );
  return section("Directives", "Words in a task that steer the offline model. Click to insert.", [
    h("table", { class: "directives" }, h("tbody", null, list.map(row))),
  ]);
}
