import { h } from "./dom.js";

const SHOWN_MS = 6000;

/** A short notice at the bottom of the page; `kind` is "error" or "info". */
export function toast(text, kind = "error") {
  const note = h("div", { class: `toast toast-${kind}` }, text);
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), SHOWN_MS);
}

/** Runs a request; what it refuses is told to the person. Gives null then. */
export async function told(promise) {
  try {
    return await promise;
  } catch (error) {
    toast(error.message);
    return null;
  }
}
