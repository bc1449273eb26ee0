// A select whose options the app supplies while one types.

import { h } from "./dom.js";
import { chip } from "./inputs.js";
import { textOf } from "./mrkdwn.js";

const LEAST = 3; // characters, before the app is asked

/** The input of such an element. What is chosen are options, whole: the element has none. */
export function externalSelect(element, { name, label, onchange, suggest }) {
  const many = element.type.startsWith("multi_");
  const most = many ? (element.max_selected_items ?? Infinity) : 1;
  const least = element.min_query_length ?? LEAST;
  let chosen = [element.initial_option, element.initial_options].flat().filter(Boolean);
  let asked = 0;
  const hint = textOf(element.placeholder) || "Search…";
  const box = h("input", {
    type: "search",
    class: "input",
    autocomplete: "off",
    placeholder: hint,
    "aria-label": label || hint,
    "data-focus": name,
    oninput: () => look(),
  });
  const offers = h("ul", { class: "suggestions", "aria-label": "Suggestions", hidden: true });
  const chips = h("ul", { class: "chips" });

  async function look() {
    const mine = ++asked;
    const typed = box.value.trim();
    const found = typed.length < least ? [] : ((await suggest(typed))?.options ?? []);
    if (mine === asked) offer(found);
  }

  function offer(options) {
    offers.replaceChildren(
      ...options.map((option) =>
        h(
          "li",
          null,
          h(
            "button",
            { type: "button", class: "button", onclick: () => take(option) },
            textOf(option.text),
          ),
        ),
      ),
    );
    offers.hidden = !options.length;
  }

  function take(option) {
    const others = chosen.filter((other) => other.value !== option.value);
    change(most === 1 ? [option] : [...others, option].slice(0, most));
    box.focus();
  }

  function change(options) {
    chosen = options;
    box.value = "";
    asked++;
    offer([]);
    show();
    onchange();
  }

  function show() {
    chips.replaceChildren(
      ...chosen.map((option) =>
        chip(textOf(option.text), () => change(chosen.filter((other) => other !== option))),
      ),
    );
  }

  show();
  return {
    node: h("div", { class: "input-multi" }, chips, box, offers),
    get: () => (many ? [...chosen] : (chosen[0] ?? null)),
    set: (value) => {
      chosen = [value].flat().filter(Boolean);
      show();
    },
  };
}
