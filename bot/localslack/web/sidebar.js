// The left side: workspace, who one is, channels, direct messages, the app.

import { avatar } from "./avatar.js";
import {
  botId,
  botName,
  displayName,
  getMe,
  getUser,
  getWorkspace,
  myBotChannel,
  myChannels,
  people,
} from "./directory.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { inspector } from "./inspector.js";
import { openMenu } from "./menu.js";
import { guideLabel, hasGuide } from "./welcome.js";

const THEMES = {
  auto: ["auto", "Theme: as the system"],
  light: ["sun", "Theme: light"],
  dark: ["moon", "Theme: dark"],
};

/** `state` is {route, unread: Map of channel to {count, mentions}}; `onperson(id)` switches. */
export class Sidebar {
  constructor(node, { onperson, onguide }) {
    this.node = node;
    this.onperson = onperson;
    this.onguide = onguide;
  }

  update(state) {
    const focused = document.activeElement?.closest?.("#sidebar a")?.getAttribute("href");
    this.node.replaceChildren(
      this.#top(),
      h("div", { class: "sidebar-scroll" }, this.#groups(state)),
      this.#foot(),
    );
    if (focused)
      this.node.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #top() {
    return h(
      "div",
      { class: "sidebar-top" },
      h("img", { class: "logo", src: "/static/icon.svg", alt: "" }),
      h("h1", { class: "team" }, getWorkspace().team.name),
      themeButton(),
    );
  }

  #groups({ route, unread }) {
    const direct = myBotChannel();
    return [
      group(
        "Channels",
        myChannels().map((channel) => channelLink(channel, route, unread)),
      ),
      group("Direct messages", [
        direct
          ? entry({
              href: `#/${direct.id}`,
              current: route.channel === direct.id,
              mark: avatar(botId(), "tiny"),
              label: botName(),
              badge: "APP",
              unread: unread.get(direct.id),
              direct: true,
            })
          : null,
      ]),
      group("Apps", [
        entry({
          href: "#/home",
          current: route.home,
          mark: icon("home"),
          label: `Home of ${botName()}`,
        }),
      ]),
      group("Tools", [
        hasGuide() ? tool("bulb", guideLabel(), false, this.onguide) : null,
        tool("terminal", "Inspector", inspector.isOpen, () => inspector.toggle()),
      ]),
    ];
  }

  #foot() {
    const me = getUser(getMe());
    const button = h(
      "button",
      {
        type: "button",
        class: "person",
        "aria-haspopup": "menu",
        "aria-label": `You are ${displayName(me)}. Switch person`,
        onclick: () => openMenu(button, this.#people()),
      },
      avatar(me.id, "small"),
      h(
        "span",
        { class: "person-text" },
        h("span", { class: "person-name" }, displayName(me)),
        h("span", { class: "person-hint" }, me.is_admin ? "You · workspace admin" : "You · member"),
      ),
      icon("down"),
    );
    return h("div", { class: "sidebar-foot" }, button);
  }

  #people() {
    return people().map((user) => ({
      label: displayName(user),
      hint: user.is_admin ? "Admin" : "",
      icon: avatar(user.id, "small"),
      checked: user.id === getMe(),
      run: () => this.onperson(user.id),
    }));
  }
}

function themeButton() {
  const button = h("button", {
    type: "button",
    class: "tool",
    onclick: () => show(window.theme.next()),
  });
  const show = (theme) => {
    const [name, label] = THEMES[theme];
    button.replaceChildren(icon(name));
    button.title = label;
    button.setAttribute("aria-label", label);
  };
  show(window.theme.get());
  return button;
}

function group(title, entries) {
  return h("section", { class: "sidebar-group" }, h("h2", null, title), h("ul", null, entries));
}

function channelLink(channel, route, unread) {
  return entry({
    href: `#/${channel.id}`,
    current: route.channel === channel.id,
    mark: icon(channel.is_private ? "lock" : "hash"),
    label: channel.name,
    unread: unread.get(channel.id),
  });
}

function tool(name, label, pressed, onclick) {
  const props = { type: "button", class: "entry", "aria-pressed": String(pressed), onclick };
  return h(
    "li",
    null,
    h(
      "button",
      props,
      h("span", { class: "entry-mark" }, icon(name)),
      h("span", { class: "entry-label" }, label),
    ),
  );
}

function entry({ href, current, mark, label, badge, unread, direct }) {
  const alerts = direct ? unread?.count : unread?.mentions;
  const props = {
    href,
    class: `entry${unread?.count ? " entry-unread" : ""}`,
    "aria-current": current ? "page" : null,
  };
  return h(
    "li",
    null,
    h(
      "a",
      props,
      h("span", { class: "entry-mark" }, mark),
      h("span", { class: "entry-label" }, label),
      badge ? h("span", { class: "badge" }, badge) : null,
      alerts
        ? h("span", { class: "entry-count", "aria-label": `${alerts} unread` }, String(alerts))
        : null,
    ),
  );
}
