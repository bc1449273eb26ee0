// Builds DOM from data. Text only ever becomes text nodes; nothing here parses HTML.

/** An element: `h("a", {class: "x", onclick: f, "aria-label": "y"}, child, …)`. */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(node, name, value);
  append(node, children);
  return node;
}

function setProp(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) return void node.addEventListener(name.slice(2), value);
  if (name === "data") return void Object.assign(node.dataset, value);
  node.setAttribute(name, value === true ? "" : String(value));
}

/** Appends nodes, strings and nested lists of them; null and false are left out. */
export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

export function fragment(...children) {
  return append(document.createDocumentFragment(), children);
}

/** Makes `nodes` the children of `parent`, moving only what is out of place. */
export function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  let next = parent.firstChild;
  for (const node of nodes) {
    if (node === next) next = next.nextSibling;
    else parent.insertBefore(node, next);
  }
}

const SAFE_SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address when it is a web or mail address, else null (javascript:, data:, file: …). */
export function safeHref(address) {
  if (typeof address !== "string" || !URL.canParse(address)) return null;
  return SAFE_SCHEMES.has(new URL(address).protocol) ? address : null;
}

/** A link that opens beside the page, or only its text when the address is not safe. */
export function link(address, ...children) {
  const href = safeHref(address);
  if (!href) return h("span", { class: "deadlink", title: "This link is not opened" }, children);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, children);
}

/** An address of this server, as a path; null for anything elsewhere, which is never fetched. */
export function localPath(address) {
  if (typeof address !== "string" || !URL.canParse(address, location.origin)) return null;
  const url = new URL(address, location.origin);
  return url.origin === location.origin ? url.pathname + url.search : null;
}

/** Gives the main thread back, so that input and painting come first. */
export function breathe() {
  if (globalThis.scheduler?.yield) return scheduler.yield();
  return new Promise((done) => setTimeout(done));
}
