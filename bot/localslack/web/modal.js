// Modals: a stack of views, of which the top one is shown. What is typed stays while views change.

import * as api from "./api.js";
import { BlockContext, BlockList } from "./blocks.js";
import { botName, getMe } from "./directory.js";
import { h, place } from "./dom.js";
import { icon } from "./icons.js";
import { textOf } from "./mrkdwn.js";
import { toast, told } from "./toast.js";
import { problem } from "./validate.js";

export class Modals {
  #shown = new Map(); // by view id
  #top = null;
  #opener = null;

  constructor() {
    this.dialog = h("dialog", {
      class: "dialog modal",
      "aria-labelledby": "modal-title",
      oncancel: (event) => {
        event.preventDefault();
        this.#top?.close();
      },
    });
    document.body.append(this.dialog);
  }

  /** Shows the stack as it is now, top last. */
  update(views) {
    const shown = new Map(views.map((view) => [view.id, this.#modal(view)]));
    this.#shown = shown;
    this.#top = [...shown.values()].at(-1) ?? null;
    if (!this.#top) return this.#hide();
    const changed = !this.#top.node.isConnected || this.#top.isNewlyFilled;
    place(this.dialog, [this.#top.node]);
    if (!this.dialog.open) {
      this.#opener = document.activeElement;
      this.dialog.showModal();
    }
    if (changed) this.#top.focusFirst();
  }

  #modal(view) {
    const modal = this.#shown.get(view.id) ?? new Modal(view.id);
    modal.update(view);
    return modal;
  }

  #hide() {
    if (!this.dialog.open) return;
    this.dialog.close();
    this.dialog.replaceChildren();
    this.#opener?.focus?.({ preventScroll: true });
  }
}

class Modal {
  #busy = false;

  constructor(id) {
    this.id = id;
    this.context = new BlockContext({
      act: (...args) => this.#act(...args),
      suggest: (...args) => this.#suggest(...args),
    });
    this.context.submit = () => this.submit();
    this.blocks = new BlockList(this.context);
    this.title = h("h2", { class: "modal-title", id: "modal-title" });
    this.foot = h("footer", { class: "modal-foot" });
    this.note = h("p", { class: "modal-note", role: "alert", hidden: true });
    this.body = h("div", { class: "modal-body" }, this.note, this.blocks.node);
    this.node = h(
      "div",
      { class: "modal-frame" },
      h(
        "header",
        { class: "modal-head" },
        h("img", { class: "logo", src: "/static/icon.svg", alt: "" }),
        this.title,
        h(
          "button",
          {
            type: "button",
            class: "tool",
            "aria-label": "Close",
            title: "Close (Esc)",
            onclick: () => this.close(),
          },
          icon("close"),
        ),
      ),
      this.body,
      this.foot,
    );
  }

  update(view) {
    // A view that was only "loading" becomes a form: what is to be filled in gets the focus.
    const had = this.#hasInputs();
    this.view = view;
    this.isNewlyFilled = !had && this.#hasInputs();
    this.title.textContent = textOf(view.title);
    this.blocks.update(view.blocks ?? []);
    this.context.keepOnly(view.blocks ?? []);
    const close = h(
      "button",
      { type: "button", class: "button", onclick: () => this.close() },
      textOf(view.close) || "Close",
    );
    this.button = view.submit
      ? h(
          "button",
          { type: "button", class: "button primary", onclick: () => this.submit() },
          textOf(view.submit),
        )
      : null;
    const focused = this.foot.contains(document.activeElement);
    this.foot.replaceChildren(...[close, this.button].filter(Boolean));
    if (focused) (this.button ?? close).focus();
    this.#setBusy(this.#busy);
  }

  focusFirst() {
    const field = this.body.querySelector(".block-input :is(input, textarea, select)");
    (field ?? this.button ?? this.foot.querySelector("button")).focus();
  }

  close() {
    return told(api.closeView({ user: getMe(), view_id: this.id }));
  }

  async submit() {
    if (this.#busy || !this.view.submit) return;
    if (this.#showErrors(this.#problems())) return;
    this.#setBusy(true);
    try {
      const answer = await api.submitView({
        user: getMe(),
        view_id: this.id,
        values: this.context.values(),
      });
      this.#showErrors(answer.errors ?? {});
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      this.#tell(
        error.code === "bot_timeout"
          ? `${botName()} did not answer in time. What you typed is still here; try again.`
          : error.message,
      );
    } finally {
      this.#setBusy(false);
    }
  }

  #hasInputs() {
    return Boolean(this.view?.blocks?.some((block) => block.type === "input"));
  }

  #inputs() {
    return (this.view.blocks ?? []).filter((block) => block.type === "input");
  }

  #field(block) {
    return this.context.fields.get(`${block.block_id ?? ""}/${block.element.action_id}`);
  }

  #problems() {
    const found = this.#inputs().map((block) => [
      block.block_id,
      problem(block, this.#field(block)?.input.get()),
    ]);
    return Object.fromEntries(found.filter(([, text]) => text));
  }

  /** Puts each error under its field; true when there are any. */
  #showErrors(errors) {
    this.#tell("");
    const unplaced = { ...errors };
    for (const node of this.blocks.node.querySelectorAll(".block-input")) {
      const text = errors[node.dataset.block];
      delete unplaced[node.dataset.block];
      const slot = node.querySelector(".field-error");
      slot.textContent = text ?? "";
      slot.hidden = !text;
      node.classList.toggle("invalid", Boolean(text));
      for (const control of node.querySelectorAll("input, textarea, select"))
        control.toggleAttribute("aria-invalid", Boolean(text));
    }
    if (Object.keys(unplaced).length) this.#tell(Object.values(unplaced).join(" "));
    this.blocks.node.querySelector(".invalid :is(input, textarea, select)")?.focus();
    return Object.keys(errors).length > 0;
  }

  #tell(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
    if (text) this.note.scrollIntoView({ block: "nearest" });
  }

  #setBusy(busy) {
    this.#busy = busy;
    this.node.classList.toggle("busy", busy);
    this.button?.setAttribute("aria-busy", String(busy));
  }

  #suggest(blockId, element, value) {
    return told(
      api.suggest({
        user: getMe(),
        container: { type: "view", view_id: this.id },
        block_id: blockId,
        action_id: element.action_id,
        value,
      }),
    );
  }

  async #act(blockId, element, value) {
    try {
      return await api.act({
        user: getMe(),
        container: { type: "view", view_id: this.id },
        block_id: blockId,
        action_id: element.action_id,
        value,
        values: this.context.values(),
      });
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      toast(error.message);
      return null;
    }
  }
}
