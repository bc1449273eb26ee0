// The interactive elements of blocks: what one can click or choose.

import { askConfirm } from "./dialog.js";
import { getMe } from "./directory.js";
import { h, localPath, safeHref } from "./dom.js";
import { icon } from "./icons.js";
import { createInput } from "./inputs.js";
import { openMenu } from "./menu.js";
import { plain, textOf } from "./mrkdwn.js";

const focusName = (blockId, element) => `${blockId}/${element.action_id}`;

/**
 * The control of an element in a section, actions or similar block.
 * `context.act(blockId, element, value)` tells the bot; `context.input(…)` keeps what is typed.
 */
export function renderElement(element, blockId, context) {
  if (element.visible_to_user_ids && !element.visible_to_user_ids.includes(getMe())) return null;
  const render = ELEMENTS[element.type];
  if (render) return render(element, blockId, context);
  const input = dispatchingInput(element, blockId, context);
  return input?.node ?? h("span", { class: "unsupported" }, `[${element.type}]`);
}

function dispatchingInput(element, blockId, context) {
  const send = async (value) => {
    if (await confirmed(element)) await context.act(blockId, element, value);
  };
  return context.input(element, blockId, {
    label: textOf(element.placeholder) || undefined,
    onvalue: /text_input|number_input/.test(element.type) ? null : send,
    onenter: send,
  });
}

/** Makes the input of an element; every change is kept in `drafts` under its block and action. */
export function keptInput(drafts, element, blockId, options) {
  const { label, onvalue, onenter, current, suggest } = options;
  const name = focusName(blockId, element);
  const input = createInput(element, {
    name,
    label,
    current,
    suggest,
    onchange: () => {
      drafts.set(name, input.get());
      onvalue?.(input.get());
    },
    onenter: () => onenter?.(input.get()),
  });
  if (input && drafts.has(name)) input.set(drafts.get(name));
  return input;
}

async function confirmed(element) {
  return !element.confirm || askConfirm(element.confirm);
}

/** Runs a click once at a time, with the control marked busy meanwhile. */
async function busily(control, work) {
  if (control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    control.removeAttribute("aria-busy");
  }
}

async function click(control, element, blockId, context, value) {
  if (!(await confirmed(element))) return;
  await busily(control, () => context.act(blockId, element, value));
}

const buttonClass = (style) =>
  `button${style === "primary" || style === "danger" ? ` ${style}` : ""}`;

function button(element, blockId, context) {
  const props = {
    class: buttonClass(element.style),
    "aria-label": element.accessibility_label,
    "data-focus": focusName(blockId, element),
    onclick: (event) => click(event.currentTarget, element, blockId, context),
  };
  const href = safeHref(element.url);
  if (href)
    return h(
      "a",
      { ...props, href, target: "_blank", rel: "noopener noreferrer" },
      plain(textOf(element.text)),
    );
  return h("button", { type: "button", ...props }, plain(textOf(element.text)));
}

function overflow(element, blockId, context) {
  const control = h(
    "button",
    {
      type: "button",
      class: "button button-icon",
      "aria-label": "More actions",
      "aria-haspopup": "menu",
      "data-focus": focusName(blockId, element),
      onclick: () => openMenu(control, element.options.map(overflowItem)),
    },
    icon("more"),
  );
  const overflowItem = (option) => ({
    label: textOf(option.text),
    hint: textOf(option.description),
    run: () => {
      const href = safeHref(option.url);
      if (href) window.open(href, "_blank", "noopener");
      return click(control, element, blockId, context, option.value);
    },
  });
  return control;
}

function feedback(element, blockId, context) {
  const sides = [
    [element.positive_button, "up"],
    [element.negative_button, "thumbdown"],
  ];
  const buttons = sides.map(([side, name]) =>
    h(
      "button",
      {
        type: "button",
        class: "button button-quiet",
        "aria-pressed": "false",
        "aria-label": side.accessibility_label || textOf(side.text),
        title: textOf(side.text),
        "data-focus": `${focusName(blockId, element)}/${name}`,
        onclick: (event) => {
          for (const other of buttons)
            other.setAttribute("aria-pressed", String(other === event.currentTarget));
          return click(event.currentTarget, element, blockId, context, side.value);
        },
      },
      icon(name),
    ),
  );
  return h("span", { class: "feedback" }, buttons);
}

function iconButton(element, blockId, context) {
  const label = element.accessibility_label || textOf(element.text);
  return h(
    "button",
    {
      type: "button",
      class: "button button-quiet",
      "aria-label": label,
      title: label,
      "data-focus": focusName(blockId, element),
      onclick: (event) => click(event.currentTarget, element, blockId, context),
    },
    icon(element.icon),
  );
}

/** The path of an image that this server has, or null: images elsewhere are not fetched. */
export function imagePath(element) {
  const id =
    element.slack_file?.id ?? /\b(F[A-Z0-9]{6,})\b/.exec(element.slack_file?.url ?? "")?.[1];
  if (id) return `/local/files/${id}`;
  return localPath(element.image_url);
}

function image(element) {
  const src = imagePath(element);
  const alt = element.alt_text ?? "";
  if (!src) return h("span", { class: "thumb thumb-missing", title: alt }, icon("eye"));
  return h("img", { class: "thumb", src, alt, loading: "lazy" });
}

const ELEMENTS = {
  button,
  overflow,
  feedback_buttons: feedback,
  icon_button: iconButton,
  image,
  workflow_button: button,
};
