// Line icons on a 20 × 20 grid, drawn as strokes in the current colour.

const PATHS = {
  hash: "M7.5 3 6 17M14 3l-1.5 14M3.5 7.5h14M2.5 12.5h14",
  lock: "M5.5 9h9v7.5h-9zM7 9V6.5a3 3 0 0 1 6 0V9",
  home: "M3.5 9.5 10 4l6.5 5.5M5.5 8.5v8h9v-8M8.5 16.5v-4h3v4",
  close: "M5 5l10 10M15 5 5 15",
  menu: "M3.5 5.5h13M3.5 10h13M3.5 14.5h13",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  reply: "M4 4.5h12v8.5H9.5L6 16v-3H4zM7 7.5h6M7 10h4",
  smile: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM7.2 11.5a3.2 3.2 0 0 0 5.6 0M7.7 8h.01M12.3 8h.01",
  plus: "M10 4v12M4 10h12",
  send: "M3.5 3.5 17 10 3.5 16.5 5.5 10zM5.5 10H11",
  clip: "M14.5 9.5 9.6 14.4a2.9 2.9 0 0 1-4.1-4.1l5.8-5.8a1.9 1.9 0 0 1 2.7 2.7L8.3 12.9a.9.9 0 0 1-1.3-1.3l4.8-4.8",
  at: "M13 10a3 3 0 1 1-6 0 3 3 0 0 1 6 0zm0 0v1.2a1.9 1.9 0 0 0 3.8 0V10A6.8 6.8 0 1 0 14 15.5",
  slash: "M12.5 3.5l-5 13",
  down: "M5 8l5 5 5-5",
  arrow: "M10 4v12M5 11l5 5 5-5",
  right: "M8 5l5 5-5 5",
  sun: "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM10 1.8v2M10 16.2v2M1.8 10h2M16.2 10h2M4.2 4.2l1.4 1.4M14.4 14.4l1.4 1.4M15.8 4.2l-1.4 1.4M5.6 14.4l-1.4 1.4",
  moon: "M16.2 11.9A6.8 6.8 0 0 1 8.1 3.8a6.8 6.8 0 1 0 8.1 8.1z",
  auto: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 3v14M12.5 3.6v12.8M15 5.2v9.6",
  check: "M4.5 10.5 8.3 14.3 15.5 6.5",
  cross: "M6 6l8 8M14 6l-8 8",
  file: "M5.5 3h6l3 3v11h-9zM11.5 3v3h3",
  bolt: "M11 3 5 11.5h4.5L9 17l6-8.5h-4.5z",
  eye: "M2.5 10S5.3 5 10 5s7.5 5 7.5 5-2.8 5-7.5 5-7.5-5-7.5-5zM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  pencil: "M4 16l.8-3.2L13 4.6l2.4 2.4-8.2 8.2zM11.5 6.1l2.4 2.4",
  trash: "M4.5 6h11M8 6V4h4v2M6 6l.6 10.5h6.8L14 6M8.7 9v4.5M11.3 9v4.5",
  copy: "M7 7h9v9H7zM13 7V4H4v9h3",
  link: "M8.5 11.5a2.8 2.8 0 0 0 4 0l2.7-2.7a2.8 2.8 0 0 0-4-4L10 6M11.5 8.5a2.8 2.8 0 0 0-4 0l-2.7 2.7a2.8 2.8 0 0 0 4 4L10 14",
  up: "M6.5 16.5v-7L9.7 3a1.6 1.6 0 0 1 1.5 1.6V8h4.2a1.2 1.2 0 0 1 1.2 1.4l-1 5.9a1.5 1.5 0 0 1-1.5 1.2zM3.5 9.5h3v7h-3z",
  thumbdown:
    "M13.5 3.5v7L10.3 17a1.6 1.6 0 0 1-1.5-1.6V12H4.6a1.2 1.2 0 0 1-1.2-1.4l1-5.9a1.5 1.5 0 0 1 1.5-1.2zM16.5 10.5h-3v-7h3z",
  box: "M3 4h14v3.5H3zM4.5 7.5v9h11v-9M8 10.5h4",
  terminal: "M2.5 4h15v12h-15zM5.5 8l2.5 2-2.5 2M10 12.5h4",
  bulb: "M7.5 14.5c0-2-2.3-3-2.3-5.9a4.8 4.8 0 0 1 9.6 0c0 2.9-2.3 3.9-2.3 5.9zM8 17h4",
  "call-up": "M5 15 15 5M8 5h7v7",
  "call-down": "M15 5 5 15M12 15H5V8",
  stop: "M6 6h8v8H6z",
  info: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.2v4M10 6.6h.01",
  warning: "M10 3.5 17.5 16.5h-15zM10 8.3v3.8M10 14.3h.01",
};

const SVG = "http://www.w3.org/2000/svg";

/** A decorative icon; the control around it carries the name. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 20 20", class: `icon icon-${name}`, "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name] ?? PATHS.info);
  svg.append(path);
  return svg;
}
