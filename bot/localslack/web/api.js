// The person API of the local workspace, over HTTP and server-sent events.

/** What the server refused: `code` for programs, `message` for people. */
export class ApiError extends Error {
  constructor(code, message) {
    super(message || code);
    this.code = code;
  }
}

const TIME_LIMIT_MS = 20_000;

async function request(path, options = {}) {
  const answer = await fetch(path, {
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
    ...options,
  }).catch(() => {
    throw new ApiError("unreachable", "The local workspace does not answer.");
  });
  const body = await answer.json().catch(() => ({ ok: false, error: `http_${answer.status}` }));
  if (!body.ok) throw new ApiError(body.error, body.message);
  return body;
}

const query = (params) =>
  new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined));
const get = (path, params = {}) => request(`/local/${path}?${query(params)}`);
const post = (path, body) =>
  request(`/local/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const workspace = () => get("workspace");
export const messages = (params) => get("messages", params);
export const postMessage = (body) => post("messages", body);
export const editMessage = (body) => post("messages/edit", body);
export const deleteMessage = (body) => post("messages/delete", body);
export const react = (body) => post("reactions", body);
export const act = (body) => post("actions", body);
export const suggest = (body) => post("suggestions", body);
export const command = (body) => post("commands", body);
export const shortcut = (body) => post("shortcuts", body);
export const views = (user) => get("views", { user });
export const submitView = (body) => post("views/submit", body);
export const closeView = (body) => post("views/close", body);
export const openHome = (user, tab) => post("home", { user, tab });
export const home = (user) => get("home", { user });

export const stop = (body) => post("stop", body);
export const messageJson = (params) => get("message", params);
export const calls = () => get("calls");
export const limits = () => get("limits");
export const setLimits = (body) => post("limits", body);
export const faults = () => get("faults");
export const addFault = (body) => post("faults", body);
export const administerChannel = (body) => post("admin/channel", body);
export const administerPerson = (body) => post("admin/person", body);
export const administerApp = (body) => post("admin/app", body);

export async function upload(user, file) {
  const answer = await request(`/local/files?${query({ user, name: file.name })}`, {
    method: "POST",
    headers: { "Content-Type": file.type || "application/octet-stream" },
    body: file,
  });
  return answer.file;
}

const EVENTS = [
  "message",
  "message_changed",
  "message_deleted",
  "views",
  "home",
  "reaction",
  "bot",
  "channel",
  "user",
  "app",
  "session",
];
const RETRY_MS = 1500;

/** Listens for one person until closed; `onopen(again)` tells a reconnection from the first time. */
export const listen = (user, on) => follow(`/local/events?${query({ user })}`, EVENTS, on);

/** Listens to what passes between the bot and the workspace, until closed. */
export const listenToTraffic = (on) => follow("/local/traffic", ["call", "envelope"], on);

function follow(address, events, { onevent, onopen, onlost }) {
  let source = null;
  let timer = null;
  let connected = false;
  let closed = false;

  function connect() {
    source = new EventSource(address);
    source.onopen = () => {
      onopen?.(connected);
      connected = true;
    };
    source.onerror = () => {
      onlost?.();
      if (source.readyState !== EventSource.CLOSED || closed) return;
      timer = setTimeout(connect, RETRY_MS);
    };
    for (const name of events) {
      // "message" doubles as the browser's default event name; both arrive here the same way.
      source.addEventListener(name, (event) => onevent(name, JSON.parse(event.data)));
    }
  }

  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    source.close();
  };
}
