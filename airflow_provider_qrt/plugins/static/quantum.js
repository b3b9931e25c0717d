// The page Quantum: jobs, QPU time and backends of a connection, read again every few seconds.
import { ask, changed, element, fill, link, live, money, notice, percent, say, seconds, stateOf, time } from "./common.js";

const at = (id) => document.getElementById(id);
const wanted = new URLSearchParams(location.search);
const question = {
  conn_id: wanted.get("conn_id") ?? "",
  state: wanted.get("state") ?? "",
  dag_id: wanted.get("dag_id") ?? "",
  page: Number(wanted.get("page")) || 1,
  page_size: Number(wanted.get("page_size")) || 25,
};
const LIVE = 10000;
const SOON = 1000;

async function read() {
  let answer;
  const asked = JSON.stringify(question);
  try {
    answer = await ask("api/quantum", question);
  } catch (error) {
    say("freshness", error.message, "failed");
    return LIVE;
  }
  if (asked !== JSON.stringify(question)) return 0;
  showConnections(answer);
  notice(at("message"), answer.message);
  at("content").hidden = answer.conn_id === null;
  if (answer.conn_id === null) {
    say("freshness", "");
    return LIVE;
  }
  question.conn_id = answer.conn_id;
  show(answer);
  const waits = answer.freshness.state === "reading" || answer.jobs.rows.some((row) => row.queue.how === "to be read");
  return waits && answer.freshness.state !== "failed" ? SOON : LIVE;
}

function showConnections({ connections, conn_id: chosen }) {
  if (!changed("connections", [connections, chosen])) return;
  const options = connections.map((one) => element("option", { value: one, selected: one === chosen }, one));
  if (chosen === null) options.unshift(element("option", { value: "", selected: true }, "–"));
  at("connection").replaceChildren(...options);
}

function show(answer) {
  const { freshness, jobs, price, problems } = answer;
  say("freshness", freshness.message, freshness.state);
  at("read-at").textContent = freshness.read_at ? `As of ${time(freshness.read_at * 1000)}` : "";
  for (const place of document.querySelectorAll("[data-problem]")) notice(place, problems[place.dataset.problem]);
  showFilters(jobs, answer.dags);
  if (changed("jobs", [jobs.rows, price])) fill(at("jobs"), jobRows(jobs, price));
  const range = jobs.total ? `Page ${jobs.page} of ${jobs.pages}, ${jobs.total.toLocaleString()} jobs` : "No jobs";
  at("page").textContent = range + (answer.cut ? " (the instance has more than are read)" : "");
  question.page = jobs.page;
  at("previous").disabled = jobs.page <= 1;
  at("next").disabled = jobs.page >= jobs.pages;
  at("cost-note").textContent =
    `Costs are estimates: QPU time at ${money(price.per_second, price.currency)} a second, whatever your plan. ` +
    "A figure in brackets is expected, not charged. A dedicated session costs its DAG the time for which it holds the " +
    "backend, and its jobs nothing besides.";
  if (changed("dags", [answer.dags, price])) fill(at("dags"), dagRows(answer.dags, price));
  if (changed("backends", answer.backends)) fill(at("backends"), backendRows(answer.backends));
  if (changed("instance", answer.instance)) fill(at("instance"), instance(answer.instance));
}

function showFilters(jobs, dags) {
  const counts = Object.entries(jobs.counts);
  if (changed("states", [jobs.all, counts, jobs.state])) {
    at("state").replaceChildren(
      element("option", { value: "", selected: jobs.state === "" }, `all (${jobs.all.toLocaleString()})`),
      ...counts.map(([name, count]) =>
        element("option", { value: name, selected: jobs.state === name }, `${name} (${count.toLocaleString()})`)),
    );
  }
  const names = dags.map((one) => one.dag_id).sort();
  if (changed("dag-names", [names, jobs.dag_id])) {
    const known = names.includes(jobs.dag_id) || jobs.dag_id === "" ? names : [...names, jobs.dag_id];
    at("dag").replaceChildren(
      element("option", { value: "", selected: jobs.dag_id === "" }, "all"),
      ...known.map((name) => element("option", { value: name, selected: name === jobs.dag_id }, name)),
    );
  }
  at("page-size").value = String(jobs.page_size);
}

function jobRows({ rows }, price) {
  if (!rows.length) return [element("tr", {}, element("td", { colspan: 9 }, "No such jobs."))];
  return rows.map((row) =>
    element(
      "tr", { "data-testid": "job-row", "data-job-id": row.id, "data-state": row.state },
      element("th", { scope: "row" }, link(row.url, element("code", {}, row.id), { away: true, "data-testid": "job-link" })),
      element("td", { title: row.reason }, stateOf(row.state)),
      element("td", {}, row.backend ?? "–"),
      element("td", { "data-testid": "job-dag" }, link(row.dag_url, row.dag_id)),
      element("td", { "data-testid": "job-task" }, link(row.task_url, row.task ?? row.run_id), resultLink(row)),
      element("td", {}, time(row.created)),
      element("td", { class: "number", "data-testid": "job-queue" }, queue(row.queue)),
      element("td", { class: "number", "data-testid": "job-seconds" }, charged(row, seconds(row.seconds))),
      element("td", { class: "number", "data-testid": "job-cost" },
        row.in_session ? "in its session" : charged(row, money(row.cost, price.currency))),
    ));
}

function resultLink(row) {
  if (!row.result) return null;
  const url = `result?${new URLSearchParams(row.result)}`;
  const label = `Result of ${row.task ?? row.run_id}`;
  return [" ", element("a", { href: url, "data-key": url, "data-testid": "result-link", "aria-label": label }, "result")];
}

function queue({ seconds: value, how }) {
  if (how === "to be read") return "being read";
  return how === "waits" ? `${seconds(value)} so far` : seconds(value);
}

function charged(row, text) {
  return row.settled || text === "–" ? text : `(${text})`;
}

function dagRows(dags, price) {
  if (!dags.length) return [element("tr", {}, element("td", { colspan: 6 }, "No jobs."))];
  return dags.map((row) =>
    element(
      "tr", { "data-testid": "dag-row", "data-dag-id": row.dag_id },
      element("th", { scope: "row" }, link(row.url, row.dag_id)),
      element("td", { class: "number" }, row.jobs.toLocaleString()),
      element("td", { class: "number" }, seconds(row.charged)),
      element("td", { class: "number" }, row.expected ? `(${seconds(row.expected)})` : "–"),
      element("td", { class: "number" }, money(row.cost, price.currency)),
      element("td", { class: "number" }, percent(row.share)),
    ));
}

function backendRows(backends) {
  if (!backends.length) return [element("tr", {}, element("td", { colspan: 7 }, "None were read."))];
  return backends.map((row) => {
    const reason = row.reason && row.reason !== "available" ? ` (${row.reason})` : "";
    return element(
      "tr", { "data-testid": "backend-row", "data-backend": row.name },
      element("th", { scope: "row" }, row.name),
      element("td", {}, stateOf(row.status + reason, row.available ? "good" : "bad")),
      element("td", { class: "number" }, row.queue.toLocaleString()),
      element("td", { class: "number" }, seconds(row.wait_seconds)),
      element("td", { class: "number" }, row.qubits ?? "–"),
      element("td", { class: "number" }, percent(row.two_qubit_error)),
      element("td", { class: "number" }, percent(row.readout_error)),
    );
  });
}

function instance(usage) {
  if (usage === null) return [element("p", { class: "quiet" }, "The instance's usage is not known.")];
  const said = [`${seconds(usage.consumed)} used`];
  if (usage.limit !== null) said.push(`of ${seconds(usage.limit)} (${percent(usage.share)})`);
  else said.push("of no limit");
  if (usage.reached) said.push("– the limit is reached: IBM takes no more jobs");
  // A period that slides, such as the last 28 days, ends now and always.
  const ends = usage.period_end && new Date(usage.period_end) > Date.now() + 60000;
  const period = ends ? `The period ends ${time(usage.period_end)}.` : "";
  const parts = [element("p", { id: "usage-figures", "data-testid": "usage-figures" }, said.join(" ") + ". ", period)];
  if (usage.limit !== null) {
    parts.push(element("meter", {
      min: 0, max: usage.limit, low: usage.limit * 0.7, high: usage.limit * 0.9, optimum: 0,
      value: Math.min(usage.consumed, usage.limit), "aria-labelledby": "usage-figures",
    }));
  }
  return parts;
}

function choose(change) {
  Object.assign(question, change);
  const kept = Object.entries(question).filter(([key, value]) => value !== "" && !(key === "page" && value === 1));
  history.replaceState(null, "", `?${new URLSearchParams(kept)}`);
  turn();
}

at("connection").addEventListener("change", (event) =>
  choose({ conn_id: event.target.value, state: "", dag_id: "", page: 1 }));
at("state").addEventListener("change", (event) => choose({ state: event.target.value, page: 1 }));
at("dag").addEventListener("change", (event) => choose({ dag_id: event.target.value, page: 1 }));
at("page-size").addEventListener("change", (event) => choose({ page_size: Number(event.target.value), page: 1 }));
at("previous").addEventListener("click", () => choose({ page: question.page - 1 }));
at("next").addEventListener("click", () => choose({ page: question.page + 1 }));
for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());

const turn = live(read);
