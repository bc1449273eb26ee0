// Block Kit to DOM. A BlockList keeps the node of every block that did not change.

import { append, h, link, place } from "./dom.js";
import { imagePath, keptInput, renderElement } from "./elements.js";
import { icon } from "./icons.js";
import { openPicture } from "./lightbox.js";
import { markdown, tableFrame } from "./markdown.js";
import { plain, textObject, textOf } from "./mrkdwn.js";
import { Plan, TaskCard } from "./plan.js";
import { richText } from "./richtext.js";

const id = (block) => block.block_id ?? "";

/**
 * What blocks need from where they stand: `act(blockId, element, value)` tells the bot,
 * `suggest(blockId, element, typed)` asks it for options,
 * `drafts` keeps what is typed, `fields` are the inputs by block id, `current` is the channel.
 */
export class BlockContext {
  drafts = new Map();
  fields = new Map();

  constructor({ act, suggest, current }) {
    this.act = act;
    this.suggest = suggest;
    this.current = current;
  }

  input(element, blockId, options) {
    const suggest = (typed) => this.suggest(blockId, element, typed);
    const known = { current: this.current, suggest, ...options };
    const input = keptInput(this.drafts, element, blockId, known);
    if (input) this.fields.set(`${blockId}/${element.action_id}`, { blockId, element, input });
    return input;
  }

  /** What is in the inputs now, by block and action. */
  values() {
    const values = {};
    for (const { blockId, element, input } of this.fields.values()) {
      values[blockId] = { ...values[blockId], [element.action_id]: input.get() };
    }
    return values;
  }

  /** A block is drawn afresh: its inputs are registered again. */
  release(blockId) {
    for (const [key, field] of this.fields) if (field.blockId === blockId) this.fields.delete(key);
  }

  /** A field that left the view starts afresh should it come back. */
  keepOnly(blocks) {
    const here = new Set(blocks.map((block) => block.block_id ?? ""));
    for (const [key, field] of this.fields) {
      if (here.has(field.blockId)) continue;
      this.fields.delete(key);
      this.drafts.delete(key);
    }
  }
}

/** The blocks of one message, modal or Home tab. */
export class BlockList {
  #items = new Map();

  constructor(context) {
    this.context = context;
    this.node = h("div", { class: "blocks" });
  }

  update(blocks) {
    const focus = rememberFocus(this.node);
    const items = new Map();
    for (const [index, block] of blocks.entries()) {
      const key =
        block.block_id && !items.has(block.block_id) ? block.block_id : `${block.type}#${index}`;
      items.set(key, this.#item(this.#items.get(key), block));
    }
    this.#items = items;
    place(
      this.node,
      [...items.values()].map((item) => item.node),
    );
    restoreFocus(this.node, focus);
  }

  #item(old, block) {
    const json = JSON.stringify(block);
    if (old?.json === json) return old;
    if (old?.live && old.type === block.type) {
      old.live.update(block);
      return { ...old, json };
    }
    this.context.release(id(block));
    const live = LIVE[block.type]?.(block, this.context);
    const node = live?.node ?? renderBlock(block, this.context);
    node.classList.add("block", `block-${block.type}`);
    node.dataset.block = block.block_id ?? "";
    return { type: block.type, json, live, node };
  }
}

function rememberFocus(root) {
  const active = document.activeElement;
  if (!root.contains(active) || !active.dataset.focus) return null;
  const range = "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  return { node: active, name: active.dataset.focus, range };
}

function restoreFocus(root, focus) {
  if (!focus || document.activeElement === focus.node) return;
  const node = root.querySelector(`[data-focus="${CSS.escape(focus.name)}"]`);
  node?.focus({ preventScroll: true });
  if (node?.setSelectionRange && focus.range?.[0] != null) node.setSelectionRange(...focus.range);
}

// Blocks that change in place.
const LIVE = {
  plan: (block) => new Plan(block),
  task_card: (block) => new TaskCard(block),
  container: (block, context) => new Container(block, context),
};

class Container {
  #head = h("div", { class: "container-head" });

  constructor(block, context) {
    this.list = new BlockList(context);
    const body = h("div", { class: "container-body" }, this.list.node);
    this.node = block.is_collapsible
      ? h(
          "details",
          { open: !block.default_collapsed },
          h("summary", null, icon("right"), this.#head),
          body,
        )
      : h("section", null, this.#head, body);
    this.update(block);
  }

  update(block) {
    const title = block.rich_text_title ? richText(block.rich_text_title) : textObject(block.title);
    const subtitle = block.subtitle
      ? h("div", { class: "subtitle" }, textObject(block.subtitle))
      : null;
    this.#head.replaceChildren();
    append(this.#head, [
      block.icon ? renderElement(block.icon, "", this.list.context) : null,
      h("div", null, h("strong", null, title), subtitle),
    ]);
    this.list.update(block.child_blocks ?? []);
  }
}

function renderBlock(block, context) {
  const render = BLOCKS[block.type];
  if (render) return render(block, context);
  return h(
    "div",
    { class: "unsupported" },
    `The local workspace does not draw “${block.type}” blocks.`,
  );
}

function section(block, context) {
  const text = block.text ? h("div", { class: "section-text" }, textObject(block.text)) : null;
  const fields = block.fields?.length
    ? h(
        "div",
        { class: "fields" },
        block.fields.map((field) => h("div", { class: "field" }, textObject(field))),
      )
    : null;
  const accessory = block.accessory
    ? h("div", { class: "accessory" }, renderElement(block.accessory, id(block), context))
    : null;
  return h("div", null, h("div", { class: "section-main" }, text, fields), accessory);
}

function contextBlock(block, context) {
  const item = (element) =>
    element.type === "image"
      ? renderElement(element, id(block), context)
      : h("span", null, textObject(element));
  return h("div", null, (block.elements ?? []).map(item));
}

function actions(block, context) {
  return h(
    "div",
    null,
    (block.elements ?? []).map((element) => renderElement(element, id(block), context)),
  );
}

function image(block) {
  const src = imagePath(block);
  const title = block.title ? h("figcaption", null, textObject(block.title)) : null;
  if (src) {
    const name = block.alt_text || textOf(block.title) || "Picture";
    const open = h(
      "button",
      { type: "button", class: "file-image", onclick: () => openPicture({ path: src, name }) },
      h("img", { src, alt: block.alt_text ?? "", loading: "lazy" }),
    );
    return h("figure", null, title, open);
  }
  return h(
    "figure",
    null,
    title,
    icon("eye"),
    " ",
    link(block.image_url ?? "", block.alt_text || block.image_url || "Image"),
  );
}

const CELLS = {
  rich_text: (cell) => richText(cell),
  raw_number: (cell) => String(cell.value ?? cell.text ?? ""),
};

function table(block) {
  const [head, ...rows] = block.rows ?? [];
  const row = (tag) => (cells) =>
    h(
      "tr",
      null,
      cells.map((cell, index) => tableCell(tag, cell, block.column_settings?.[index])),
    );
  return tableFrame(
    head ? h("thead", null, row("th")(head)) : null,
    h("tbody", null, rows.map(row("td"))),
  );
}

function dataTable(block) {
  return h("figure", null, h("figcaption", null, plain(block.caption ?? "")), table(block));
}

/** A chart is shown as the numbers it is made of. */
function chart(block) {
  const { segments, series = [] } = block.chart ?? {};
  const points = segments ?? series.flatMap((one) => one.data ?? []);
  const rows = points.map((point) =>
    h("tr", null, h("td", null, plain(String(point.label ?? ""))), h("td", null, `${point.value}`)),
  );
  return h(
    "figure",
    null,
    h("figcaption", null, plain(block.title ?? "")),
    tableFrame(null, h("tbody", null, rows)),
  );
}

function tableCell(tag, cell, settings) {
  const align = settings?.align ?? (cell.type === "raw_number" ? "right" : "left");
  const content = CELLS[cell.type]?.(cell) ?? plain(cell.text ?? "");
  return h(
    tag,
    { class: `align-${align}${settings?.is_wrapped === false ? " nowrap" : ""}` },
    content,
  );
}

const ALERT_ICONS = { warning: "warning", error: "warning", success: "check" };

function alert(block) {
  const level = block.level ?? "default";
  return h(
    "div",
    { class: `alert-${level}`, role: "note" },
    icon(ALERT_ICONS[level] ?? "info"),
    h("div", null, textObject(block.text)),
  );
}

function card(block, context) {
  return h(
    "div",
    null,
    block.hero_image ? renderElement(block.hero_image, id(block), context) : null,
    h(
      "div",
      { class: "card-head" },
      block.icon ? renderElement(block.icon, id(block), context) : null,
      h(
        "div",
        null,
        block.title ? h("strong", null, textObject(block.title)) : null,
        block.subtitle ? h("div", { class: "subtitle" }, textObject(block.subtitle)) : null,
      ),
    ),
    block.body ? h("div", { class: "card-body" }, textObject(block.body)) : null,
    block.actions?.length ? cardActions(block, context) : null,
  );
}

function cardActions(block, context) {
  const node = actions({ block_id: block.block_id, elements: block.actions }, context);
  node.classList.add("block-actions");
  return node;
}

function input(block, context) {
  const element = block.element;
  const label = textOf(block.label);
  const send = (value) => context.act(id(block), element, value);
  const text = /text_input|number_input/.test(element.type);
  const field = context.input(element, id(block), {
    label,
    onvalue: block.dispatch_action && !text ? send : null,
    onenter: block.dispatch_action ? send : context.submit,
  });
  return h(
    "div",
    null,
    h(
      "div",
      { class: "label" },
      plain(label),
      block.optional ? h("span", { class: "optional" }, " (optional)") : null,
    ),
    field?.node ?? h("span", { class: "unsupported" }, `[${element.type}]`),
    block.hint ? h("div", { class: "hint" }, textObject(block.hint)) : null,
    h("div", { class: "field-error", role: "alert", hidden: true }),
  );
}

function carousel(block, context) {
  const cards = (block.elements ?? []).map((element) => {
    const node = card(element, context);
    node.classList.add("block-card");
    return node;
  });
  return h("div", null, cards);
}

function video(block) {
  return h(
    "div",
    null,
    link(block.video_url ?? block.title_url ?? "", textOf(block.title) || "Video"),
    h("div", { class: "subtitle" }, textObject(block.description)),
  );
}

const BLOCKS = {
  section,
  header: (block) => h("h3", null, textObject(block.text)),
  divider: () => h("hr"),
  context: contextBlock,
  actions,
  context_actions: actions,
  rich_text: (block) => h("div", null, richText(block)),
  image,
  markdown: (block) => h("div", { class: "prose" }, markdown(block.tree)),
  table,
  data_table: dataTable,
  data_visualization: chart,
  file: (block) => h("div", { class: "hint" }, `Remote file ${block.external_id ?? ""}`),
  alert,
  card,
  carousel,
  input,
  video,
};
