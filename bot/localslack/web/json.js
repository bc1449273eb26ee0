// JSON to read: indented, with its parts in colours.

import { fragment, h } from "./dom.js";

const TOKEN = /"(?:\\.|[^"\\])*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;
const MOST = 200_000;

function kind(token, colon) {
  if (token.startsWith('"')) return colon ? "json-key" : "json-string";
  return /^[tfn]/.test(token) ? "json-word" : "json-number";
}

/** A value as highlighted text; a very long one without colours. */
export function json(value) {
  const text = JSON.stringify(value, null, 2) ?? "";
  if (text.length > MOST) return fragment(text);
  const out = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    out.push(text.slice(end, match.index));
    out.push(h("span", { class: kind(match[0], match[1]) }, match[0]));
    end = match.index + match[0].length;
  }
  out.push(text.slice(end));
  return fragment(out);
}
