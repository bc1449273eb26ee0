// One small menu or panel at a time, beside the control that opened it.

import { h } from "./dom.js";

let open = null;

export function closeMenu() {
  open?.close();
}

/** Shows `panel` beside `anchor` until Escape, a click elsewhere, or `closeMenu()`. */
export function openPanel(anchor, panel) {
  closeMenu();
  panel.classList.add("popover");
  // Inside an open dialog everything outside it is inert, so the panel goes where its anchor is.
  (anchor.closest("dialog") ?? document.body).append(panel);
  position(anchor, panel);
  const ending = new AbortController();
  const close = (refocus) => {
    ending.abort();
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    open = null;
    if (refocus) anchor.focus();
  };
  open = { close };
  anchor.setAttribute("aria-expanded", "true");
  const on = (target, name, listener, options) =>
    target.addEventListener(name, listener, { signal: ending.signal, ...options });
  on(document, "pointerdown", (event) => {
    if (!panel.contains(event.target) && !anchor.contains(event.target)) close(false);
  });
  on(panel, "keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    close(true);
  });
  on(window, "resize", () => close(false));
  return close;
}

const GAP = 4;
const EDGE = 8;

function position(anchor, panel) {
  const from = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = from.left + width + EDGE > innerWidth ? from.right - width : from.left;
  const below = from.bottom + GAP + height + EDGE < innerHeight;
  const top = below ? from.bottom + GAP : from.top - GAP - height;
  panel.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  panel.style.top = `${Math.max(EDGE, top)}px`;
}

/** A menu of `{label, icon?, hint?, danger?, checked?, run}`; null entries are divider lines. */
export function openMenu(anchor, items) {
  let close = null;
  const entries = items.map((item) => (item ? menuItem(item, () => close(true)) : h("hr")));
  const panel = h("div", { class: "menu", role: "menu", onkeydown: moveFocus }, entries);
  close = openPanel(anchor, panel);
  panel.querySelector("button")?.focus();
}

function menuItem(item, close) {
  const run = () => {
    close();
    item.run();
  };
  const radio = item.checked !== undefined;
  const props = {
    type: "button",
    role: radio ? "menuitemradio" : "menuitem",
    "aria-checked": radio ? String(item.checked) : null,
    class: `menu-item${item.danger ? " danger" : ""}`,
    onclick: run,
  };
  const hint = item.hint ? h("span", { class: "menu-hint" }, item.hint) : null;
  return h("button", props, item.icon, h("span", { class: "menu-label" }, item.label, hint));
}

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/** Arrow keys walk through the buttons of a panel. */
export function moveFocus(event) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
}
