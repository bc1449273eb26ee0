import { botId, displayName, getUser, getWorkspace } from "./directory.js";
import { h } from "./dom.js";

const PALETTE = ["#2f6f8f", "#8a4f7d", "#9a5b25", "#3d7a4e", "#5a5fa8", "#a04848"];

const initials = (name) =>
  name
    .split(/[\s._-]+/)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => word[0].toUpperCase())
    .join("");

function colourOf(user) {
  const given = /^#?([0-9a-f]{6})$/i.exec(user.color ?? "");
  if (given) return `#${given[1]}`;
  const sum = [...user.id].reduce((total, char) => total + char.charCodeAt(0), 0);
  return PALETTE[sum % PALETTE.length];
}

/** The square picture of a person (initials) or of the bot; decorative. */
export function avatar(userId, size = "") {
  const props = { class: `avatar ${size}`, "aria-hidden": "true" };
  if (userId === botId()) return h("span", props, h("img", { src: "/static/icon.svg", alt: "" }));
  const user = getUser(userId) ?? { id: userId ?? "?", name: userId ?? "?" };
  const node = h("span", props, initials(displayName(user)));
  node.style.setProperty("--colour", colourOf(user));
  return node;
}

/** Whether a message was written by the bot, whichever of its two ids it carries. */
export function isFromBot(message) {
  const { bot } = getWorkspace();
  return message.user === bot.user_id || message.bot_id === bot.bot_id;
}

/** Whether an app wrote it: the bot or another one, also for a person. */
export const isFromApp = (message) => isFromBot(message) || Boolean(message.bot_id);
