// Markdown to DOM, forgiving: what does not parse stays as text, HTML is always text.

import { broadcastChip, channelChip, emojiChip, userChip } from "./chips.js";
import { fragment, h, link } from "./dom.js";

const MAX_DEPTH = 12;

/** A Markdown document as DOM. */
export function markdown(source) {
  return fragment(blocks(source.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0));
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,8})([-*+]|\d{1,9}[.)])(?: +(.*)|\s*)$/;
const TABLE_RULE = /^ {0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const SETEXT = /^ {0,3}(=+|-+)\s*$/;

const isBlank = (line) => line === undefined || line.trim() === "";
const indentOf = (line) => line.length - line.trimStart().length;

// Each reader looks at lines[at] and gives [node, next line], or null when it is not its kind.
const READERS = [fence, heading, rule, quote, list, table];

function blocks(lines, depth) {
  const out = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const [node, next] = readBlock(lines, at, depth);
    out.push(node);
    at = next;
  }
  return out;
}

function readBlock(lines, at, depth) {
  if (depth < MAX_DEPTH) {
    for (const reader of READERS) {
      const found = reader(lines, at, depth);
      if (found) return found;
    }
  }
  return paragraph(lines, at);
}

function fence(lines, at) {
  const open = FENCE.exec(lines[at]);
  if (!open) return null;
  const closing = (line) => {
    const close = FENCE.exec(line);
    return close && close[1].startsWith(open[1]) && !close[2].trim();
  };
  let end = at + 1;
  while (end < lines.length && !closing(lines[end])) end += 1;
  const language = open[2].trim().split(/\s+/)[0];
  const code = lines.slice(at + 1, end).join("\n");
  const label = language ? h("span", { class: "code-language" }, language) : null;
  return [h("pre", { class: "code" }, label, h("code", null, code)), end + 1];
}

function heading(lines, at) {
  const match = HEADING.exec(lines[at]);
  if (!match) return null;
  // A message is not a page: its headings start below the page's own.
  const level = Math.min(match[1].length + 2, 6);
  return [h(`h${level}`, { class: `md-h${match[1].length}` }, inline(match[2] ?? "")), at + 1];
}

function rule(lines, at) {
  return RULE.test(lines[at]) ? [h("hr"), at + 1] : null;
}

function quote(lines, at, depth) {
  if (!QUOTE.test(lines[at])) return null;
  let end = at;
  while (end < lines.length && (QUOTE.test(lines[end]) || isLazy(lines, end))) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [h("blockquote", null, blocks(inner, depth + 1)), end];
}

const isLazy = (lines, at) =>
  !isBlank(lines[at]) && !startsBlock(lines, at) && !isBlank(lines[at - 1].replace(QUOTE, ""));

const startsBlock = (lines, at) =>
  [FENCE, HEADING, RULE, QUOTE, ITEM].some((kind) => kind.test(lines[at]));

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  if (!first) return null;
  const ordered = /\d/.test(first[2]);
  const items = [];
  let loose = false;
  let next = at;
  while (next < lines.length) {
    const match = ITEM.exec(lines[next]);
    if (!match || /\d/.test(match[2]) !== ordered || match[1].length > first[1].length + 1) break;
    if (RULE.test(lines[next])) break;
    const end = itemEnd(lines, next, match);
    items.push(itemLines(lines, next, end, match));
    const after = skipBlank(lines, end);
    loose ||= after > end && after < lines.length && ITEM.test(lines[after]);
    next = after;
  }
  const props = ordered && first[2] !== "1." ? { start: Number.parseInt(first[2], 10) } : {};
  const nodes = items.map((item) => h("li", null, itemBody(item, { loose, depth })));
  return [h(ordered ? "ol" : "ul", props, nodes), next];
}

function itemEnd(lines, at, match) {
  const content = match[1].length + 2;
  let end = at + 1;
  while (end < lines.length) {
    if (isBlank(lines[end])) {
      const after = skipBlank(lines, end);
      if (after >= lines.length || indentOf(lines[after]) < content) return end;
      end = after;
    } else if (
      indentOf(lines[end]) < content &&
      (startsBlock(lines, end) || isBlank(lines[end - 1]))
    ) {
      return end;
    }
    end += 1;
  }
  return end;
}

function itemLines(lines, at, end, match) {
  const marker = match[1].length + match[2].length + 1;
  const rest = lines.slice(at + 1, end);
  const strip = (line) => line.slice(Math.min(indentOf(line), marker));
  return [match[3] ?? "", ...rest.map(strip)];
}

function skipBlank(lines, at) {
  while (at < lines.length && isBlank(lines[at])) at += 1;
  return at;
}

const TASK = /^\[([ xX])\]\s+/;

function itemBody(lines, { loose, depth }) {
  const task = TASK.exec(lines[0]);
  const source = task ? [lines[0].slice(task[0].length), ...lines.slice(1)] : lines;
  const body = blocks(source, depth + 1);
  const box = task
    ? h(
        "span",
        { class: "task-box", role: "img", "aria-label": task[1] === " " ? "to do" : "done" },
        task[1] === " " ? "☐ " : "☑ ",
      )
    : null;
  if (loose || body[0]?.tagName !== "P") return [box, body];
  return [box, [...body[0].childNodes], body.slice(1)];
}

function table(lines, at) {
  if (!lines[at].includes("|") || !TABLE_RULE.test(lines[at + 1] ?? "")) return null;
  const head = cells(lines[at]);
  const rules = cells(lines[at + 1]);
  if (rules.length !== head.length) return null;
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|") && !isBlank(lines[end])) end += 1;
  const align = rules.map(alignment);
  const row = (tag) => (line) =>
    h(
      "tr",
      null,
      head.map((_, index) => cell(tag, cells(line)[index] ?? "", align[index])),
    );
  const body = lines.slice(at + 2, end).map(row("td"));
  return [tableFrame(h("thead", null, row("th")(lines[at])), h("tbody", null, body)), end];
}

/** A table that scrolls sideways on its own, reachable by keyboard. */
export function tableFrame(...parts) {
  const props = { class: "table-frame", tabindex: "0", role: "region", "aria-label": "Table" };
  return h("div", props, h("table", null, parts));
}

function cells(line) {
  const text = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return text.split(/(?<!\\)\|/).map((part) => part.trim().replaceAll("\\|", "|"));
}

function alignment(text) {
  if (!text.endsWith(":")) return "";
  return text.startsWith(":") ? "center" : "right";
}

function cell(tag, text, align) {
  return h(tag, { class: align ? `align-${align}` : null }, inline(text));
}

function paragraph(lines, at) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end)) {
    const under = SETEXT.exec(lines[end]);
    if (under) {
      const level = under[1].startsWith("=") ? 1 : 2;
      return [
        h(`h${level + 2}`, { class: `md-h${level}` }, inlineLines(lines.slice(at, end))),
        end + 1,
      ];
    }
    end += 1;
  }
  return [h("p", null, inlineLines(lines.slice(at, end))), end];
}

function interrupts(lines, at) {
  if (SETEXT.test(lines[at])) return false;
  return startsBlock(lines, at) || Boolean(table(lines, at));
}

const inlineLines = (lines) =>
  inline(
    lines
      .map((line) => line.trimStart())
      .join("\n")
      .trimEnd(),
  );

// Tried in this order at each place where one of their first characters stands.
const SPANS = [
  [/\\([!-/:-@[-`{-~])/y, (m) => m[1]],
  [
    /(`+)(?!`)([^]*?[^`])\1(?!`)/y,
    (m) => h("code", null, m[2].replace(/^ (.+) $/, "$1").replaceAll("\n", " ")),
  ],
  [
    /!?\[((?:\\.|[^[\]\\]|\[[^[\]]*\])*)\]\(\s*<?([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)>?(?:\s+["'][^\n]*?["'])?\s*\)/y,
    (m, depth) => link(m[2], inline(m[1] || m[2], depth + 1)),
  ],
  [/<((?:https?:\/\/|mailto:)[^\s<>]+)>/y, (m) => link(m[1], m[1])],
  [/<@([UW][A-Z0-9]+)(?:\|[^<>\n]*)?>/y, (m) => userChip(m[1])],
  [/<#(C[A-Z0-9]+)(?:\|[^<>\n]*)?>/y, (m) => channelChip(m[1])],
  [/<!(here|channel|everyone)>/y, (m) => broadcastChip(m[1])],
  [
    /&(amp|lt|gt|quot|#39|nbsp);/y,
    (m) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'", nbsp: "\u00a0" })[m[1]],
  ],
  [/\*\*(?=\S)([^]*?\S)\*\*(?!\*)/y, (m, depth) => h("strong", null, inline(m[1], depth + 1))],
  [/(?<!\w)__(?=\S)([^]*?\S)__(?!\w)/y, (m, depth) => h("strong", null, inline(m[1], depth + 1))],
  [/~~(?=\S)([^]*?\S)~~/y, (m, depth) => h("s", null, inline(m[1], depth + 1))],
  [
    /\*(?=\S)((?:\*\*|[^*])*?[^\s*])\*(?!\*)/y,
    (m, depth) => h("em", null, inline(m[1], depth + 1)),
  ],
  [
    /(?<!\w)_(?=\S)((?:__|[^_])*?[^\s_])_(?!\w)/y,
    (m, depth) => h("em", null, inline(m[1], depth + 1)),
  ],
  [/:([a-z0-9_+-]{1,60}):/y, (m) => emojiChip(m[1])],
  [/\bhttps?:\/\/[^\s<>*`|]*[^\s<>*`|.,;:!?'")\]]/y, (m) => link(m[0], m[0])],
  [/(?: {2,}|\\)?\n/y, () => h("br")],
];
const SPECIAL = /[\\`![<&*_~:h\n ]/g;

/** Markdown inside a line or a paragraph. */
export function inline(text, depth = 0) {
  if (depth > MAX_DEPTH) return fragment(text);
  const out = [];
  let end = 0;
  let at = 0;
  while ((at = nextSpecial(text, at)) >= 0) {
    const found = spanAt(text, at, depth);
    if (!found) {
      at += 1;
      continue;
    }
    out.push(text.slice(end, at), found.node);
    at = end = at + found.length;
  }
  out.push(text.slice(end));
  return fragment(out.filter((part) => part !== ""));
}

function nextSpecial(text, from) {
  SPECIAL.lastIndex = from;
  return SPECIAL.exec(text)?.index ?? -1;
}

function spanAt(text, at, depth) {
  for (const [pattern, build] of SPANS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { node: build(match, depth), length: match[0].length };
  }
  return null;
}
