// A classic script, so that the chosen theme is there before the first paint.
"use strict";
{
  const order = ["auto", "light", "dark"];
  const read = () => {
    const stored = localStorage.getItem("theme");
    return order.includes(stored) ? stored : "auto";
  };
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
  };
  window.theme = {
    get: read,
    next() {
      const theme = order[(order.indexOf(read()) + 1) % order.length];
      localStorage.setItem("theme", theme);
      apply(theme);
      return theme;
    },
  };
  apply(read());
}
