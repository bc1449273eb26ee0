// Who and what there is in the workspace, by id.

const users = new Map();
const channels = new Map();
let workspace = null;
let me = null;

export function loadDirectory(answer) {
  workspace = answer;
  users.clear();
  for (const user of answer.users) users.set(user.id, user);
  channels.clear();
  for (const channel of answer.channels) channels.set(channel.id, channel);
}

export function setMe(id) {
  me = id;
}

export const getWorkspace = () => workspace;
export const getMe = () => me;
export const getUser = (id) => users.get(id);
export const getChannel = (id) => channels.get(id);
export const putChannel = (channel) => channels.set(channel.id, channel);
export const members = () => [...users.values()].filter((user) => !user.is_bot);
export const people = () => members().filter((user) => !user.deleted);
export const setDeleted = (id, deleted) => Object.assign(users.get(id) ?? {}, { deleted });
export const setInstalled = (installed) => (workspace.app_installed = installed);
export const hasBot = (channel) => channel.members.includes(botId());
export const everyone = () => [...users.values()].filter((user) => !user.deleted);
export const botId = () => workspace.bot.user_id;
export const botName = () => userName(botId());
export const displayName = (user) => user.real_name || user.name;

/** What a mention shows: people by their real name, the bot by its handle. */
export function userName(id) {
  const user = users.get(id);
  if (!user) return id === workspace?.bot.user_id ? workspace.bot.name : id;
  return user.is_bot ? user.name : displayName(user);
}

export function channelName(id) {
  const channel = channels.get(id);
  if (!channel) return id;
  return channel.is_im ? botName() : channel.name;
}

/** The channels this person sees, in the order of their names. */
export function myChannels() {
  return [...channels.values()]
    .filter((channel) => !channel.is_im && channel.members.includes(me))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** The person's direct message with the bot, or undefined. */
export function myBotChannel() {
  return [...channels.values()].find(
    (channel) => channel.is_im && (channel.user === me || channel.members.includes(me)),
  );
}
