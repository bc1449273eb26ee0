// The Home tab of the app.

import * as api from "./api.js";
import { avatar } from "./avatar.js";
import { BlockContext, BlockList } from "./blocks.js";
import { botId, botName, getMe, myBotChannel } from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { told } from "./toast.js";

export class HomeView {
  #view = null;
  #person = null;

  constructor({ openMenu: onmenu }) {
    this.status = h("span", { class: "pill", role: "status" });
    this.tabs = h("div", { class: "tabs" });
    this.title = h("div", { class: "pane-title" });
    this.body = h("div", { class: "home-body" });
    this.node = h(
      "div",
      { class: "pane" },
      h(
        "header",
        { class: "pane-head" },
        h(
          "button",
          {
            type: "button",
            class: "tool menu-button",
            "aria-label": "Open the sidebar",
            onclick: onmenu,
          },
          icon("menu"),
        ),
        this.title,
        this.status,
      ),
      this.tabs,
      h("div", { class: "home", tabindex: "0", role: "region", "aria-label": "Home" }, this.body),
    );
  }

  async open() {
    this.title.replaceChildren(
      h("h2", null, avatar(botId(), "small"), botName()),
      h("p", null, "App · Home"),
    );
    const direct = myBotChannel();
    this.tabs.replaceChildren(
      h("a", { class: "tab", href: "#/home", "aria-current": "page" }, "Home"),
      direct ? h("a", { class: "tab", href: `#/${direct.id}` }, "Messages") : "",
    );
    const person = getMe();
    const answer = await told(api.home(person));
    if (person === getMe()) this.show(answer?.view ?? null);
    await told(api.openHome(person, "home"));
  }

  async refresh() {
    const answer = await told(api.home(getMe()));
    if (answer) this.show(answer.view);
  }

  show(view) {
    if (!view) return this.body.replaceChildren(emptyHome());
    if (this.#view?.id !== view.id || this.#person !== getMe() || !this.blocks) {
      this.blocks = new BlockList(this.#context());
      this.body.replaceChildren(this.blocks.node);
    } else if (!this.blocks.node.isConnected) {
      this.body.replaceChildren(this.blocks.node);
    }
    [this.#view, this.#person] = [view, getMe()];
    this.blocks.update(view.blocks ?? []);
  }

  #context() {
    const act = (blockId, element, value) =>
      told(
        api.act({
          user: getMe(),
          container: { type: "view", view_id: this.#view.id },
          block_id: blockId,
          action_id: element.action_id,
          value,
          values: this.blocks.context.values(),
        }),
      );
    const suggest = (blockId, element, value) =>
      told(
        api.suggest({
          user: getMe(),
          container: { type: "view", view_id: this.#view.id },
          block_id: blockId,
          action_id: element.action_id,
          value,
        }),
      );
    return new BlockContext({ act, suggest });
  }
}

function emptyHome() {
  return h(
    "div",
    { class: "home-empty" },
    h("img", { src: "/static/icon.svg", alt: "" }),
    h("h3", { class: "intro-title" }, "Nothing here yet"),
    h(
      "p",
      { class: "intro-text" },
      "The bot fills this page with what waits for you, what runs, and recent runs. It does so when it is connected.",
    ),
  );
}
