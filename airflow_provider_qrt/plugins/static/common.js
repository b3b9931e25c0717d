// What both pages need: asking the server, building elements, times and numbers for people, links out of the frame.
// The data-testid attributes name what the tests in a browser look for.

/** Ask the server. Throws an Error whose message is a sentence for the page. */
export async function ask(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  let answer;
  try {
    answer = await fetch(`${path}?${new URLSearchParams(given)}`, { credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Error("Airflow's API server does not answer. This page tries again.");
  }
  if (answer.status === 401) throw new Error("Your login has ended. Reload the page to log in again.");
  let body = null;
  try {
    body = await answer.json();
  } catch {
    throw new Error(`Airflow's API server answered with HTTP ${answer.status}. Its log says why.`);
  }
  if (!answer.ok) {
    const said = typeof body.detail === "string" ? body.detail : "The address of this page lacks something.";
    throw new Error(said);
  }
  return body;
}

/** Build an element. `attributes` may hold data-…, aria-…, class and href; children are nodes or text. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for SVG. */
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat());
  return made;
}

/** Put children into a container, leaving the keyboard's focus on what has the same data-key. */
export function fill(container, children) {
  const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set([...container.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  container.replaceChildren(...children);
  for (const one of container.querySelectorAll("details")) if (open.has(one.dataset.key)) one.open = true;
  if (key !== undefined) {
    [...container.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
  }
}

/** Whether `value` differs from what was last shown under `name`; unchanged parts are left alone. */
const shown = new Map();
export function changed(name, value) {
  const text = JSON.stringify(value);
  if (shown.get(name) === text) return false;
  shown.set(name, text);
  return true;
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${Number(value.toFixed(2))} s`;
  const whole = Math.round(value);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${(value / 86400).toFixed(1)} days`;
}

export function time(iso) {
  return iso ? new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }) : "–";
}

export function money(value, currency) {
  if (value === null || value === undefined) return "–";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(value);
  } catch {
    return `${value.toFixed(2)} ${currency}`;
  }
}

export function percent(value) {
  return value === null || value === undefined ? "–" : `${Number((value * 100).toPrecision(3))} %`;
}

const TONES = { Completed: "good", Failed: "bad", Cancelled: "bad", Running: "busy", Queued: "busy" };
const MARKS = { good: "✓", bad: "✗", busy: "…" };

/** A state, told by word and mark and not by colour alone. */
export function stateOf(word, tone = TONES[word] ?? "busy") {
  return element(
    "span", { class: "state", "data-tone": tone },
    element("span", { "aria-hidden": "true" }, `${MARKS[tone]} `), word,
  );
}

/** A link to a page of Airflow's, or, with `away`, to one elsewhere. */
export function link(url, text, { away = false, ...attributes } = {}) {
  if (!url) return element("span", {}, text ?? "–");
  return element("a", { href: url, "data-leaves": away ? "away" : "airflow", "data-key": url, ...attributes }, text);
}

// Inside Airflow's UI the page is in a frame that may neither leave it nor open windows; the page around may.
function leave(event) {
  const found = event.target instanceof Element ? event.target.closest("a[data-leaves]") : null;
  if (!found || event.defaultPrevented || window.parent === window || event.button > 1) return;
  let around;
  try {
    around = window.parent.document;
  } catch {
    return;
  }
  event.preventDefault();
  const substitute = around.createElement("a");
  substitute.href = found.href;
  if (found.dataset.leaves === "away" || event.ctrlKey || event.metaKey || event.shiftKey || event.button === 1) {
    substitute.target = "_blank";
    substitute.rel = "noopener noreferrer";
  }
  around.body.append(substitute);
  substitute.click();
  substitute.remove();
}
document.addEventListener("click", leave);
document.addEventListener("auxclick", leave);

/** Call `read` again and again, as many milliseconds later as it returns, and not while nobody sees the page. */
export function live(read) {
  let timer = null;
  let running = false;
  let again = false;
  async function turn() {
    if (running) {
      again = true;
      return;
    }
    clearTimeout(timer);
    running = true;
    let pause = 10000;
    try {
      pause = await read();
    } finally {
      running = false;
      if (again) {
        again = false;
        pause = 0;
      }
      if (pause !== null && document.visibilityState === "visible") timer = setTimeout(turn, pause);
    }
  }
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") turn();
  });
  turn();
  return turn;
}

export function say(id, text, state = "") {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
  place.dataset.state = state;
}

export function notice(place, text) {
  if (place.textContent !== (text ?? "")) place.textContent = text ?? "";
  place.hidden = !text;
}
