// Takes on Airflow's theme when the page is shown inside Airflow; alone, it follows the system's (pages.css).
(() => {
  "use strict";
  let around = null;
  try {
    around = window.parent !== window ? window.parent.document.documentElement : null;
  } catch {
    return; // Inside a page of another origin, whose theme cannot be known.
  }
  if (around === null) return;
  const adopt = () => {
    const dark = around.classList.contains("dark") || around.style.colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  adopt();
  new MutationObserver(adopt).observe(around, { attributes: true, attributeFilter: ["class", "style"] });
})();
