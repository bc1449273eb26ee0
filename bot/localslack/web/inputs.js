// Everything a person can fill in. Each input is {node, get(), set(value)}; an empty value is null
// for one thing and [] for several.

import { upload } from "./api.js";
import {
  channelName,
  displayName,
  everyone,
  getMe,
  myBotChannel,
  myChannels,
} from "./directory.js";
import { h } from "./dom.js";
import { externalSelect } from "./external.js";
import { icon } from "./icons.js";
import { textObject, textOf } from "./mrkdwn.js";
import { told } from "./toast.js";

const TEXT_KINDS = {
  plain_text_input: { type: "text" },
  rich_text_input: { type: "text" },
  email_text_input: { type: "email", inputmode: "email", autocomplete: "off" },
  url_text_input: { type: "url", inputmode: "url" },
  number_input: { type: "text", inputmode: "decimal" },
};
const DATE_KINDS = {
  datepicker: ["date", "initial_date"],
  timepicker: ["time", "initial_time"],
};

/** The input of an element, or null when the element is not one. `onchange` follows each change. */
export function createInput(element, options) {
  const kind = element.type;
  if (TEXT_KINDS[kind]) return textInput(element, options);
  if (DATE_KINDS[kind]) return dateInput(element, options);
  if (kind === "datetimepicker") return dateTimeInput(element, options);
  if (kind === "radio_buttons" || kind === "checkboxes") return choices(element, options);
  if (kind === "file_input") return fileInput(element, options);
  if (kind.endsWith("external_select")) return externalSelect(element, options);
  if (/^multi_.*_select$/.test(kind)) return multiSelect(element, options);
  if (/_select$/.test(kind)) return select(element, options);
  return null;
}

function textInput(element, { name, label, onchange, onenter }) {
  const multiline = element.multiline || element.type === "rich_text_input";
  const props = {
    ...(multiline ? { rows: 4 } : TEXT_KINDS[element.type]),
    class: "input",
    placeholder: textOf(element.placeholder) || null,
    maxlength: element.max_length,
    "aria-label": label,
    "data-focus": name,
    oninput: () => {
      count();
      onchange();
    },
  };
  const control = h(multiline ? "textarea" : "input", props);
  const counter = h("span", { class: "counter", hidden: true });
  control.value = element.initial_value ?? "";
  control.addEventListener("keydown", (event) => {
    if (
      event.key !== "Enter" ||
      event.isComposing ||
      (multiline && !event.ctrlKey && !event.metaKey)
    )
      return;
    event.preventDefault();
    onenter?.();
  });
  function count() {
    if (!element.max_length) return;
    const left = element.max_length - control.value.length;
    counter.hidden = left > Math.max(20, element.max_length / 10);
    counter.textContent = `${left} left`;
  }
  count();
  return {
    node: h("div", { class: "input-text" }, control, counter),
    get: () => control.value || null,
    set: (value) => {
      control.value = value ?? "";
      count();
    },
  };
}

function dateInput(element, { name, label, onchange }) {
  const [type, initial] = DATE_KINDS[element.type];
  const control = h("input", {
    type,
    class: "input input-short",
    "aria-label": label,
    "data-focus": name,
    onchange,
  });
  control.value = element[initial] ?? "";
  return {
    node: control,
    get: () => control.value || null,
    set: (value) => (control.value = value ?? ""),
  };
}

function dateTimeInput(element, { name, label, onchange }) {
  const control = h("input", {
    type: "datetime-local",
    class: "input input-short",
    "aria-label": label,
    "data-focus": name,
    onchange,
  });
  const local = (seconds) => {
    const date = new Date(seconds * 1000);
    return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  };
  const set = (seconds) => (control.value = seconds ? local(Number(seconds)) : "");
  set(element.initial_date_time);
  const get = () =>
    control.value ? String(Math.floor(new Date(control.value).getTime() / 1000)) : null;
  return { node: control, get, set };
}

function choices(element, { name, label, onchange }) {
  const single = element.type === "radio_buttons";
  const group = crypto.randomUUID();
  const initial = single
    ? [element.initial_option?.value]
    : (element.initial_options ?? []).map((option) => option.value);
  const boxes = (element.options ?? []).map((option, index) => {
    const box = h("input", {
      type: single ? "radio" : "checkbox",
      name: group,
      value: option.value,
      "data-focus": `${name}/${index}`,
      onchange,
    });
    box.checked = initial.includes(option.value);
    return box;
  });
  const rows = (element.options ?? []).map((option, index) =>
    h(
      "label",
      { class: "choice" },
      boxes[index],
      h("span", null, textObject(option.text), optionHint(option)),
    ),
  );
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return {
    node: h(
      "div",
      { class: "choices", role: single ? "radiogroup" : "group", "aria-label": label },
      rows,
    ),
    get: () => (single ? (chosen()[0] ?? null) : chosen()),
    set: (value) => {
      const values = [value].flat();
      for (const box of boxes) box.checked = values.includes(box.value);
    },
  };
}

const optionHint = (option) =>
  option.description ? h("span", { class: "choice-hint" }, textObject(option.description)) : null;

// What a select offers: a list of [group label or "", [[value, label], …]].

const pair = (option) => [
  option.value,
  [textOf(option.text), textOf(option.description)].filter(Boolean).join(": "),
];
const userPairs = () => everyone().map((user) => [user.id, displayName(user)]);
const channelPairs = () => myChannels().map((channel) => [channel.id, `#${channel.name}`]);

function conversationPairs() {
  const direct = myBotChannel();
  return [...channelPairs(), ...(direct ? [[direct.id, channelName(direct.id)]] : [])];
}

const SOURCES = { users: userPairs, channels: channelPairs, conversations: conversationPairs };

function offers(element) {
  const source = SOURCES[element.type.replace(/^multi_/, "").replace(/_select$/, "")];
  if (source) return [["", source()]];
  if (element.option_groups) {
    return element.option_groups.map((group) => [textOf(group.label), group.options.map(pair)]);
  }
  const options =
    element.options ?? [element.initial_option, element.initial_options].flat().filter(Boolean);
  return [["", options.map(pair)]];
}

/** The ids or values an element starts with, as a list. */
function initials(element) {
  const options = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean);
  if (options.length) return options.map((option) => option.value);
  const ids = ["user", "users", "conversation", "conversations", "channel", "channels"];
  return ids.flatMap((id) => element[`initial_${id}`] ?? []);
}

function optionNodes(element) {
  const option = ([value, label]) => h("option", { value }, label);
  return offers(element).map(([label, pairs]) =>
    label ? h("optgroup", { label }, pairs.map(option)) : pairs.map(option),
  );
}

function select(element, { name, label, onchange, current }) {
  const hint = textOf(element.placeholder) || "Choose…";
  const control = h(
    "select",
    { class: "input select", "aria-label": label || hint, "data-focus": name, onchange },
    h("option", { value: "" }, hint),
    optionNodes(element),
  );
  const start = initials(element)[0] ?? (element.default_to_current_conversation ? current : "");
  control.value = start ?? "";
  const set = (value) => {
    control.value = value ?? "";
    if (control.selectedIndex < 0) control.value = "";
  };
  set(control.value);
  return { node: control, get: () => control.value || null, set };
}

function multiSelect(element, { name, label, onchange }) {
  const labels = new Map(offers(element).flatMap(([, pairs]) => pairs));
  const most = element.max_selected_items ?? Infinity;
  let chosen = initials(element);
  const hint = textOf(element.placeholder) || "Add…";
  const control = h(
    "select",
    { class: "input select", "aria-label": label || hint, "data-focus": name },
    h("option", { value: "" }, hint),
    optionNodes(element),
  );
  const chips = h("ul", { class: "chips" });
  const show = () => {
    chips.replaceChildren(
      ...chosen.map((value) =>
        chip(labels.get(value) ?? value, () => change(chosen.filter((other) => other !== value))),
      ),
    );
    for (const option of control.options)
      option.disabled = Boolean(option.value) && chosen.includes(option.value);
    control.disabled = chosen.length >= most;
    control.value = "";
  };
  const change = (values) => {
    chosen = values;
    show();
    onchange();
  };
  control.addEventListener("change", () => control.value && change([...chosen, control.value]));
  show();
  return {
    node: h("div", { class: "input-multi" }, chips, control),
    get: () => [...chosen],
    set: (values) => {
      chosen = (values ?? []).filter((value) => labels.has(value));
      show();
    },
  };
}

export function chip(label, remove) {
  return h(
    "li",
    { class: "chip" },
    h("span", null, label),
    h(
      "button",
      { type: "button", class: "chip-remove", "aria-label": `Remove ${label}`, onclick: remove },
      icon("close"),
    ),
  );
}

function fileInput(element, { name, label, onchange }) {
  let files = [];
  const list = h("ul", { class: "chips" });
  const control = h("input", {
    type: "file",
    class: "input",
    multiple: (element.max_files ?? 10) > 1,
    accept: element.filetypes?.map((type) => `.${type}`).join(","),
    "aria-label": label,
    "data-focus": name,
  });
  const change = (next) => {
    files = next;
    list.replaceChildren(
      ...files.map((file) =>
        chip(file.name, () => change(files.filter((other) => other !== file))),
      ),
    );
    onchange();
  };
  control.addEventListener("change", async () => {
    const sent = await Promise.all([...control.files].map((file) => told(upload(getMe(), file))));
    control.value = "";
    change([...files, ...sent.filter(Boolean)].slice(0, element.max_files ?? 10));
  });
  return {
    node: h("div", { class: "input-files" }, list, control),
    get: () => files.map((file) => file.id),
    set: () => {},
  };
}
