// What stands below a message: what apps attach, forwarded messages, links as they are drawn.

import { BlockContext, BlockList } from "./blocks.js";
import { h, link } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

/** All of them, or nothing where there are none. */
export function attachments(list) {
  return list?.length ? h("div", { class: "attachments" }, list.map(attachment)) : null;
}

function attachment(item) {
  const node = h(
    "div",
    { class: "attachment" },
    part("attachment-note", item.pretext),
    item.author_name ? h("div", { class: "attachment-author" }, item.author_name) : null,
    title(item),
    item.blocks?.length ? blocks(item.blocks) : part("attachment-text", item.text),
    (item.fields ?? []).map(field),
    (item.files ?? []).map((file) => h("div", { class: "attachment-note" }, file.name)),
    part("attachment-note", item.footer),
  );
  if (/^#?[0-9a-f]{6}$/i.test(item.color ?? ""))
    node.style.borderColor = `#${item.color.replace("#", "")}`;
  return node;
}

const part = (name, text) => (text ? h("div", { class: name }, mrkdwn(text)) : null);

function title(item) {
  if (!item.title) return null;
  const words = item.title_link ? link(item.title_link, item.title) : item.title;
  return h("div", { class: "attachment-title" }, words);
}

const field = (item) =>
  h("div", { class: "attachment-field" }, h("strong", null, item.title ?? ""), " ", mrkdwn(item.value ?? ""));

function blocks(list) {
  const drawn = new BlockList(new BlockContext({ act: () => undefined, current: "" }));
  drawn.update(list);
  return drawn.node;
}
