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
export const command = (body) => post("commands", body);
export const shortcut = (body) => post("shortcuts", body);
export const views = (user) => get("views", { user });
export const submitView = (body) => post("views/submit", body);
export const closeView = (body) => post("views/close", body);
export const openHome = (user, tab) => post("home", { user, tab });
export const home = (user) => get("home", { user });

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
];
const RETRY_MS = 1500;

/** Listens for one person until closed; `onopen(again)` tells a reconnection from the first time. */
export function listen(user, { onevent, onopen, onlost }) {
  let source = null;
  let timer = null;
  let connected = false;
  let closed = false;

  function connect() {
    source = new EventSource(`/local/events?${query({ user })}`);
    source.onopen = () => {
      onopen(connected);
      connected = true;
    };
    source.onerror = () => {
      onlost();
      if (source.readyState !== EventSource.CLOSED || closed) return;
      timer = setTimeout(connect, RETRY_MS);
    };
    for (const name of EVENTS) {
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
