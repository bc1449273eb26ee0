// A picture as large as the window allows.

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** Shows the picture at `path`, an address of this server, until it is closed. */
export function openPicture({ path, name }) {
  const close = () => {
    dialog.close();
    dialog.remove();
  };
  const dialog = h(
    "dialog",
    { class: "lightbox", "aria-label": name, oncancel: close, onclick: close },
    h(
      "header",
      { class: "lightbox-head", onclick: (event) => event.stopPropagation() },
      h("span", { class: "lightbox-name" }, name),
      h("a", { class: "button", href: path, download: name }, "Download"),
      h(
        "button",
        {
          type: "button",
          class: "tool",
          "aria-label": "Close",
          title: "Close (Esc)",
          onclick: close,
        },
        icon("close"),
      ),
    ),
    h("img", { src: path, alt: name }),
  );
  document.body.append(dialog);
  dialog.showModal();
}
