// rich_text blocks to DOM.

import { broadcastChip, channelChip, dateChip, emojiChip, userChip } from "./chips.js";
import { fragment, h, link } from "./dom.js";

const STYLES = [
  ["code", "code"],
  ["strike", "s"],
  ["italic", "em"],
  ["bold", "strong"],
  ["underline", "u"],
];

function styled(node, style) {
  return STYLES.filter(([name]) => style?.[name]).reduce(
    (inner, [, tag]) => h(tag, null, inner),
    node,
  );
}

const SPANS = {
  text: (part) => part.text ?? "",
  link: (part) => link(part.url, part.text || part.url),
  user: (part) => userChip(part.user_id),
  usergroup: (part) => h("span", { class: "mention" }, `@${part.usergroup_id}`),
  team: (part) => h("span", { class: "mention" }, `@${part.team_id}`),
  channel: (part) => channelChip(part.channel_id),
  broadcast: (part) => broadcastChip(part.range),
  emoji: (part) => emojiChip(part.name),
  date: (part) => dateChip(part.timestamp, part.format ?? "{date}", part.url, part.fallback),
  color: (part) => h("code", null, part.value),
};

const spans = (elements = []) =>
  elements.map((part) => (SPANS[part.type] ? styled(SPANS[part.type](part), part.style) : ""));

const NUMBERS = ["decimal", "lower-alpha", "lower-roman"];
const BULLETS = ["disc", "circle", "square"];

function list(element) {
  const indent = Math.min(element.indent ?? 0, 8);
  const ordered = element.style === "ordered";
  const props = { class: `rich-list indent-${indent}${element.border ? " bordered" : ""}` };
  if (ordered) props.start = (element.offset ?? 0) + 1;
  const items = (element.elements ?? []).map((item) => h("li", null, part(item)));
  const node = h(ordered ? "ol" : "ul", props, items);
  node.style.listStyleType = (ordered ? NUMBERS : BULLETS)[indent % 3];
  return node;
}

const PARTS = {
  rich_text_section: (element) => h("div", { class: "rich-section" }, spans(element.elements)),
  rich_text_list: list,
  rich_text_quote: (element) => h("blockquote", null, spans(element.elements)),
  rich_text_preformatted: (element) => h("pre", { class: "code" }, spans(element.elements)),
};

const part = (element) => PARTS[element.type]?.(element) ?? "";

/** The whole block, or nothing where there is none. */
export function richText(block) {
  return fragment((block?.elements ?? []).map(part));
}
