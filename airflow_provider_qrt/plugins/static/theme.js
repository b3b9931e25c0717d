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
    const page = document.documentElement;
    page.dataset.theme = dark ? "dark" : "light";
    const grounds = [around.ownerDocument.body, around].map((one) => getComputedStyle(one).backgroundColor);
    const ground = grounds.find((color) => color !== "transparent" && color !== "rgba(0, 0, 0, 0)");
    if (ground) page.style.setProperty("--ground", ground);
  };
  adopt();
  new MutationObserver(adopt).observe(around, { attributes: true, attributeFilter: ["class", "style"] });
})();
