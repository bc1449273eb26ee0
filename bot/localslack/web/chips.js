// The small inline things all three text forms share: mentions, channels, emoji, dates.

import { slackDate } from "./dates.js";
import { channelName, getMe, getChannel, userName } from "./directory.js";
import { h, link } from "./dom.js";
import { emojiChar } from "./emoji.js";

export function userChip(id, label) {
  const mine = id === getMe() ? " mention-me" : "";
  return h("span", { class: `mention${mine}`, data: { user: id } }, `@${label || userName(id)}`);
}

export function channelChip(id, label) {
  if (!getChannel(id)) return h("span", { class: "mention" }, `#${label || id}`);
  return h("a", { class: "mention", href: `#/${id}` }, `#${label || channelName(id)}`);
}

export function broadcastChip(range) {
  return h("span", { class: "mention mention-me" }, `@${range}`);
}

export function emojiChip(name) {
  const char = emojiChar(name);
  if (!char) return document.createTextNode(`:${name}:`);
  return h("span", { class: "emoji", role: "img", "aria-label": name, title: `:${name}:` }, char);
}

export function dateChip(seconds, format, address, fallback) {
  const text = slackDate(seconds, format, fallback);
  return h(
    "time",
    { title: slackDate(seconds, "{date_long} at {time_secs}", fallback) },
    address ? link(address, text) : text,
  );
}
