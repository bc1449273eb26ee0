// Small questions in front of everything else.

import { h } from "./dom.js";
import { textObject, textOf } from "./mrkdwn.js";

/** Asks what a Block Kit `confirm` object says; true when the person confirms. */
export function askConfirm(confirm) {
  return new Promise((resolve) => {
    const style = confirm.style === "danger" ? "danger" : "primary";
    const close = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const dialog = h(
      "dialog",
      {
        class: "dialog dialog-small",
        "aria-label": textOf(confirm.title) || "Are you sure?",
        oncancel: (event) => {
          event.preventDefault();
          close(false);
        },
      },
      h("h2", { class: "dialog-title" }, textOf(confirm.title) || "Are you sure?"),
      h("div", { class: "dialog-text" }, textObject(confirm.text)),
      h(
        "div",
        { class: "dialog-actions" },
        h(
          "button",
          { type: "button", class: "button", onclick: () => close(false) },
          textOf(confirm.deny) || "Cancel",
        ),
        h(
          "button",
          { type: "button", class: `button ${style}`, autofocus: true, onclick: () => close(true) },
          textOf(confirm.confirm) || "Yes",
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
