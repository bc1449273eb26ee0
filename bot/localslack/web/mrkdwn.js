// Slack's mrkdwn to DOM: *bold* _italic_ ~strike~ `code` <links|and mentions> :emoji:

import { broadcastChip, channelChip, dateChip, emojiChip, userChip } from "./chips.js";
import { fragment, h, link } from "./dom.js";

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

/** Undoes the only escapes Slack knows. */
export const unescapeText = (text) =>
  text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

/** Text with its mrkdwn, as blocks of lines, quotes and code. */
export function mrkdwn(text) {
  return fragment(text.split(/(```[^]*?```)/).map(fenceOrLines));
}

function fenceOrLines(part) {
  if (part.length >= 6 && part.startsWith("```") && part.endsWith("```")) {
    return h(
      "pre",
      { class: "code" },
      unescapeText(stripTokens(part.slice(3, -3))).replace(/^\n|\n$/g, ""),
    );
  }
  return lines(part);
}

const QUOTE = /^(?:&gt;|>) ?/;

function lines(text) {
  const out = [];
  let quote = null;
  for (const [index, line] of text
    .replace(/^\n|\n$/g, "")
    .split("\n")
    .entries()) {
    if (QUOTE.test(line)) {
      if (!quote) out.push((quote = h("blockquote")));
      else quote.append(h("br"));
      quote.append(inline(line.replace(QUOTE, "")));
      continue;
    }
    if (index > 0 && !quote) out.push(h("br"));
    quote = null;
    out.push(inline(line));
  }
  return out;
}

/** What `<…>` tokens look like where only plain text is possible. */
export function stripTokens(text) {
  return text.replace(/<([^<>\n|]*)(?:\|([^<>\n]*))?>/g, (_, target, label) => label || target);
}

const INLINE =
  /<(?<token>[^<>\n]+)>|(?<![\w`])`(?<code>[^`\n]+)`(?![\w`])|(?<![\w*])\*(?=\S)(?<bold>[^*\n]*[^\s*])\*(?![\w*])|(?<![\w_])_(?=\S)(?<italic>[^_\n]*[^\s_])_(?![\w_])|(?<![\w~])~(?=\S)(?<strike>[^~\n]*[^\s~])~(?![\w~])|:(?<emoji>[a-z0-9_+-]{1,60}):|(?<url>\bhttps?:\/\/[^\s<>|]+[^\s<>|.,;:!?'")\]])/g;

/** One line of mrkdwn. */
export function inline(text) {
  const out = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    out.push(unescapeText(text.slice(end, match.index)), chip(match.groups));
    end = match.index + match[0].length;
  }
  out.push(unescapeText(text.slice(end)));
  return fragment(out.filter((part) => part !== ""));
}

function chip({ token, code, bold, italic, strike, emoji, url }) {
  if (token) return tokenChip(token);
  if (code) return h("code", null, unescapeText(stripTokens(code)));
  if (bold) return h("strong", null, inline(bold));
  if (italic) return h("em", null, inline(italic));
  if (strike) return h("s", null, inline(strike));
  if (emoji) return emojiChip(emoji);
  return link(unescapeText(url), unescapeText(url));
}

function tokenChip(token) {
  const bar = token.indexOf("|");
  const target = bar < 0 ? token : token.slice(0, bar);
  const label = bar < 0 ? "" : unescapeText(token.slice(bar + 1));
  if (/^@[UW]/.test(target)) return userChip(target.slice(1), label);
  if (/^#C/.test(target)) return channelChip(target.slice(1), label);
  if (target.startsWith("!date^")) return dateToken(target, label);
  if (target.startsWith("!"))
    return broadcastChip(label.replace(/^@/, "") || target.slice(1).split("^")[0]);
  const address = unescapeText(target);
  return link(address, label || address.replace(/^mailto:/, ""));
}

function dateToken(target, label) {
  const [, seconds, format = "{date}", address] = target.split("^");
  return dateChip(seconds, format, address, label);
}

/** A text object of Block Kit. */
export function textObject(object) {
  if (!object) return fragment();
  if (typeof object === "string") return fragment(object);
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "");
  return plain(object.text ?? "", object.emoji !== false);
}

/** Plain text keeps its line breaks and, unless told otherwise, its emoji. */
export function plain(text, withEmoji = true) {
  const parts = withEmoji ? text.split(/(:[a-z0-9_+-]{1,60}:)/) : [text];
  return fragment(
    parts.map((part) => (/^:[a-z0-9_+-]+:$/.test(part) ? emojiChip(part.slice(1, -1)) : part)),
  );
}

/** A text object as one plain string, for names and titles. */
export function textOf(object) {
  if (!object) return "";
  if (typeof object === "string") return object;
  return object.type === "mrkdwn"
    ? unescapeText(stripTokens(object.text ?? ""))
    : (object.text ?? "");
}
