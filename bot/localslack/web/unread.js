// What each person has not read yet, remembered by the browser.

import { getMe } from "./directory.js";

const counts = new Map(); // channel -> {count, mentions}

const storageKey = (channel) => `read:${getMe()}:${channel}`;

export const unreadCounts = () => counts;
export const lastRead = (channel) => localStorage.getItem(storageKey(channel));

export function markRead(channel, ts) {
  counts.delete(channel);
  const before = lastRead(channel);
  if (ts && (!before || before < ts)) localStorage.setItem(storageKey(channel), ts);
}

const mentionsMe = (message) => JSON.stringify([message.text, message.blocks]).includes(getMe());

/** Counts a message someone else wrote; a reply counts only when it mentions the reader. */
export function countUnread(message) {
  if (message.user === getMe()) return;
  const mention = mentionsMe(message);
  const isReply = message.thread_ts && message.thread_ts !== message.ts;
  if (isReply && !mention) return;
  const before = counts.get(message.channel) ?? { count: 0, mentions: 0 };
  counts.set(message.channel, {
    count: before.count + 1,
    mentions: before.mentions + Number(mention),
  });
}

/** Counts again from what a channel holds. A channel never opened starts out as read. */
export function recount(channel, messages) {
  counts.delete(channel);
  const read = lastRead(channel);
  if (!read) return markRead(channel, messages.at(-1)?.ts);
  for (const message of messages) if (message.ts > read) countUnread(message);
}

export const totalUnread = () =>
  [...counts.values()].reduce((sum, { mentions }) => sum + mentions, 0);

export const forgetCounts = () => counts.clear();
