// Draws Markdown from the tree the server made of it. Only the tags below exist; all text is text.

import { broadcastChip, channelChip, emojiChip, userChip } from "./chips.js";
import { fragment, h, link } from "./dom.js";

const PLAIN = new Set("p blockquote ul li hr thead tbody tr strong em s code br".split(" "));

/** The nodes of a document. */
export const markdown = (nodes) => fragment((nodes ?? []).map(draw));

function draw(node) {
  if (typeof node === "string") return node;
  if (PLAIN.has(node.tag)) return h(node.tag, null, inside(node));
  return TAGS[node.tag]?.(node) ?? fragment(inside(node));
}

const inside = (node) => (node.children ?? []).map(draw);

function heading(node) {
  return h(node.tag, { class: `md-h${Number(node.level)}` }, inside(node));
}

function code({ language, children }) {
  const label = language ? h("span", { class: "code-language" }, language) : null;
  return h("pre", { class: "code" }, label, h("code", null, children));
}

function cell(node) {
  return h(node.tag, { class: node.align ? `align-${node.align}` : null }, inside(node));
}

function box({ checked }) {
  const props = { class: "task-box", role: "img", "aria-label": checked ? "done" : "to do" };
  return h("span", props, checked ? "☑ " : "☐ ");
}

function slackMark({ user, channel, broadcast, emoji }) {
  if (user) return userChip(user);
  if (channel) return channelChip(channel);
  return broadcast ? broadcastChip(broadcast) : emojiChip(emoji);
}

const TAGS = {
  h3: heading,
  h4: heading,
  h5: heading,
  h6: heading,
  ol: (node) => h("ol", { start: node.start === 1 ? null : node.start }, inside(node)),
  pre: code,
  a: (node) => link(node.href, inside(node)),
  table: (node) => tableFrame(...inside(node)),
  th: cell,
  td: cell,
  box,
  slack: slackMark,
};

/** A table that scrolls sideways on its own, reachable by keyboard. */
export function tableFrame(...parts) {
  const props = { class: "table-frame", tabindex: "0", role: "region", "aria-label": "Table" };
  return h("div", props, h("table", null, parts));
}
