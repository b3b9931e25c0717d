// The page Result: what the tasks of a DAG run measured, when their jobs ran, and IBM's word on those that failed.
import { ask, changed, element, fill, link, live, money, notice, say, seconds, stateOf, time } from "./common.js";
import { callsTable, countsTable, course, histogram, values, valuesTable } from "./charts.js";

const at = (id) => document.getElementById(id);
const wanted = new URLSearchParams(location.search);
const where = { dag_id: wanted.get("dag_id") ?? "", run_id: wanted.get("run_id") ?? "" };
const question = { ...where, task_id: wanted.get("task_id") ?? "", map_index: wanted.get("map_index") ?? "", page: 1 };
const LIVE = 5000;
const drawings = new Map();

async function read() {
  let answer;
  const asked = JSON.stringify(question);
  try {
    answer = await ask("api/result", question);
  } catch (error) {
    notice(at("message"), error.message);
    say("freshness", "");
    return error.message.includes("again") ? LIVE : null;
  }
  if (asked !== JSON.stringify(question)) return 0;
  notice(at("message"), answer.message);
  if (changed("where", answer.run_url)) {
    at("where").replaceChildren("DAG ", link(answer.run_url, `${answer.dag_id}, run ${answer.run_id}`));
  }
  if (changed("tasks", [answer.tasks, answer.price])) fill(at("tasks"), answer.tasks.map((task) => show(task, answer)));
  at("pager").hidden = answer.pages < 2;
  at("page").textContent = `Page ${answer.page} of ${answer.pages}, ${answer.total} tasks`;
  question.page = answer.page;
  at("previous").disabled = answer.page <= 1;
  at("next").disabled = answer.page >= answer.pages;
  const waiting = answer.tasks.filter((task) => task.goes_on).length;
  say("freshness", waiting ? `${waiting} of ${answer.tasks.length} tasks shown are still going on or being read.` : "");
  if (waiting) return answer.tasks.some((task) => task.jobs.some((job) => job.to_be_read)) ? 1000 : LIVE;
  return answer.total ? null : LIVE;
}

function show(task, { price }) {
  const key = `${task.task_id}/${task.map_index}`;
  return element(
    "section",
    {
      class: "task", "data-testid": "task", "data-task-id": task.task_id, "data-map-index": task.map_index,
      "data-state": task.state, "aria-label": `Task ${task.task}`,
    },
    element("h2", {}, link(task.url, task.task)),
    element(
      "p", { class: "quiet", "data-testid": "task-summary" },
      [task.program, task.state ? `task ${task.state}` : null, task.operator].filter(Boolean).join(", "),
    ),
    task.note ? element("p", { "data-testid": "task-note" }, task.note) : null,
    showPlan(task.plan),
    task.loop ? showLoop(task.loop, key, task.goes_on, price) : null,
    task.jobs.map((job) => showJob(job, price)),
    task.estimate ? element(
      "p", { class: "quiet", "data-testid": "estimate" },
      `Estimated at ${seconds(task.estimate.expected)} of QPU time before it was submitted; IBM charged ` +
      `${seconds(task.estimate.charged)}.`,
    ) : null,
    task.more_jobs ? element("p", {}, `${task.more_jobs} more jobs are not shown.`) : null,
    task.pubs.map((pub) => showPub(pub, key, task.pubs.length)),
    task.more_pubs ? element("p", {}, `${task.more_pubs.toLocaleString()} more PUBs are in the download.`) : null,
    downloads(task),
    task.circuits.map((circuit, index) => showCircuit(task, circuit, index, key)),
  );
}

/** What a dry run would have submitted. */
function showPlan(plan) {
  if (!plan.length) return null;
  return element(
    "div", { "data-testid": "plan" },
    element("p", {}, "A dry run: nothing was bought. The job would have been:"),
    element("table", {}, element("tbody", {}, plan.map(({ label, value }) => element(
      "tr", {}, element("th", { scope: "row" }, label), element("td", {}, value),
    )))),
  );
}

/** The course of a hybrid loop, while it goes on too. */
function showLoop(loop, key, goesOn, price) {
  const cost = loop.cost === null ? "" : `, about ${money(loop.cost, price.currency)}`;
  const spent = loop.calls.map(({ call, spent: value }) => ({ call, value }));
  return element(
    "div", { "data-testid": "loop", "data-calls": loop.calls.length, "data-jobs": loop.jobs },
    element(
      "p", {},
      `A loop of ${loop.calls.length.toLocaleString()} calls${goesOn ? " so far" : ""}, ` +
      `${loop.jobs.toLocaleString()} jobs, ${seconds(loop.seconds)} of QPU time${cost}.`,
    ),
    loop.series.flatMap(({ name, points }) => [element("h3", {}, name), course(points, name)]),
    loop.jobs > 1 ? [element("h3", {}, "QPU seconds"), course(spent, "QPU seconds", { steps: true })] : null,
    tableBelow(callsTable(loop.calls, "Calls of the loop", (id) => element("code", {}, id)), `${key}/loop`),
  );
}

function showJob(job, price) {
  const known = [job.backend, job.seconds === null ? null : `${seconds(job.seconds)} of QPU time`];
  if (job.cost !== null) known.push(`about ${money(job.cost, price.currency)}`);
  if (job.in_session) known.push("charged with its session");
  return element(
    "div", { "data-testid": "job", "data-job-id": job.id, "data-state": job.state },
    element(
      "p", {}, "Job ", link(job.url, element("code", {}, job.id), { away: true, "data-testid": "job-link" }), " ",
      job.state ? stateOf(job.state) : null, " ", known.filter(Boolean).join(", "),
    ),
    job.note ? element("p", { class: "quiet", "data-testid": "job-note" }, job.note) : null,
    job.to_be_read ? element("p", { class: "quiet" }, "The job is being read.") : null,
    timeline(job),
    job.failure ? failure(job.failure) : null,
  );
}

const STEPS = [["created", "Queued"], ["running", "Running"], ["finished", "Done"]];

function timeline({ timeline: moments, state }) {
  if (!moments.created) return null;
  const last = state === "Failed" || state === "Cancelled" ? state : "Done";
  const steps = STEPS.map(([name, label], index) => {
    const later = STEPS.slice(index + 1).map(([next]) => moments[next]).find(Boolean);
    const lasted = moments[name] && later ? (new Date(later) - new Date(moments[name])) / 1000 : null;
    return element(
      "li", { "data-step": name, "data-reached": moments[name] ? "yes" : "no" },
      element("b", {}, name === "finished" ? last : label),
      moments[name] ? element("time", { datetime: moments[name] }, time(moments[name])) : "not known",
      lasted === null ? null : element("div", { class: "quiet" }, `for ${seconds(Math.max(0, lasted))}`),
    );
  });
  return element("ol", { class: "timeline", "data-testid": "timeline", "aria-label": "Times of the job" }, steps);
}

function failure({ reason, code, solution, retry }) {
  const advice = retry ? "A retry of the task submits a new job." : "A retry cannot help: change the input, then clear the task.";
  return element(
    "div", { class: "failure", "data-testid": "failure" },
    element("p", { "data-testid": "failure-reason" }, element("b", {}, "IBM's reason: "), reason, code ? ` (code ${code})` : ""),
    solution ? element("p", { "data-testid": "failure-solution" }, element("b", {}, "IBM's solution: "), solution) : null,
    element("p", {}, advice),
  );
}

function showPub(pub, key, count) {
  const name = count > 1 ? `PUB ${pub.index}` : "Result";
  const shots = pub.shots ? `, ${pub.shots.toLocaleString()} shots` : "";
  const parts = [element("h3", {}, name + shots)];
  if (pub.note) parts.push(element("p", {}, pub.note));
  if (pub.kind === "values" && pub.points.length) {
    const named = pub.points.map((point) => ({ ...point, label: [point.label, inWords(point.asked)].filter(Boolean).join(" ") }));
    parts.push(values(named, name), tableBelow(valuesTable(named, `${name}: expectation values`), `${key}/${pub.index}`));
  } else if (pub.kind !== "values") {
    const what = pub.kind === "quasi" ? "Quasi-probabilities" : "Counts";
    for (const [place, point] of pub.points.entries()) {
      const asked = inWords(point.asked);
      const title = point.at ? `${name}, point ${point.at} of the sweep${asked ? `: ${asked}` : ""}` : name;
      const drawing = [histogram(point, `${what}, ${title}`), tableBelow(countsTable(point, `${what}, ${title}`), `${key}/${pub.index}/${place}`)];
      // A sweep may have many points: the first is open, the others wait to be opened.
      parts.push(
        pub.points.length === 1
          ? element("div", { "data-testid": "point" }, drawing)
          : element(
            "details", { "data-testid": "point", "data-key": `${key}/${pub.index}/${place}/point`, open: place === 0 },
            element("summary", { "data-key": `${key}/${pub.index}/${place}/summary` }, `Point ${point.at}${asked ? `: ${asked}` : ""}`), drawing,
          ),
      );
    }
  }
  if (pub.more) parts.push(element("p", {}, `${pub.more.toLocaleString()} more are in the download.`));
  return element("div", { "data-testid": "pub", "data-index": pub.index, "data-kind": pub.kind }, parts);
}

/** The values of the parameters at a point, and the observable's name. */
function inWords(asked) {
  const { observable, ...values } = asked ?? {};
  const words = Object.entries(values).slice(0, 4).map(([name, value]) => `${name} = ${Number(value.toPrecision(4))}`);
  if (Object.keys(values).length > 4) words.push("...");
  return [observable, words.join(", ")].filter(Boolean).join(", ");
}

function tableBelow(table, key) {
  return element(
    "details", { "data-key": `${key}/table`, "data-testid": "as-table" },
    element("summary", { "data-key": `${key}/table-summary` }, "As a table"), table,
  );
}

function address(task) {
  return new URLSearchParams({ ...where, task_id: task.task_id, map_index: task.map_index });
}

function downloads(task) {
  if (!task.downloads.length) return null;
  return element(
    "p", { class: "controls" },
    task.downloads.map((format) => element(
      "a",
      {
        class: "button", href: `api/result/download?${address(task)}&format=${format}`, download: true,
        "data-testid": `download-${format}`, "data-key": `${task.task}/${format}`,
        "aria-label": `Download the result of ${task.task} as ${format.toUpperCase()}`,
      },
      `Download ${format.toUpperCase()}`,
    )),
  );
}

function showCircuit(task, circuit, index, key) {
  const title = task.circuits.length > 1 ? `Circuit ${index}` : "Circuit";
  const id = `${key}/circuit/${index}`;
  if (circuit.text === null) {
    const why = circuit.cut
      ? "Its source is longer than what Airflow keeps of a task's fields ([core] max_templated_field_length)."
      : "It was given as a Qiskit object, of which Airflow keeps no source.";
    return element("p", { class: "quiet", "data-testid": "circuit-note" }, `${title}: ${why}`);
  }
  const drawing = element("div", { "data-testid": "circuit-drawing" });
  const made = element(
    "details", { "data-testid": "circuit", "data-key": id, "data-index": index },
    element("summary", { "data-key": `${id}/summary` }, title),
    drawing,
    element("pre", { tabindex: "0", role: "region", "aria-label": `${title}: OpenQASM source`, "data-testid": "circuit-source" }, circuit.text),
  );
  made.addEventListener("toggle", () => made.open && draw(drawing, task, index, title));
  return made;
}

/** Drawings are made on the server when somebody opens the circuit; that takes Qiskit some seconds. */
async function draw(place, task, index, title) {
  const path = `${address(task)}&index=${index}`;
  if (!drawings.has(path)) drawings.set(path, askForDrawing(task, index));
  place.replaceChildren(element("p", { class: "quiet", role: "status" }, "The circuit is being drawn."));
  const { state, text } = await drawings.get(path);
  // It may be had later: the server may have had too much to draw.
  if (state !== "drawn") drawings.delete(path);
  place.replaceChildren(
    state === "drawn"
      ? element("pre", { tabindex: "0", role: "region", "aria-label": `${title}, drawn`, "data-testid": "drawing" }, text)
      : element("p", { class: "quiet", "data-testid": "drawing-note" }, text),
  );
}

async function askForDrawing(task, index) {
  try {
    for (let tries = 0; tries < 60; tries += 1) {
      const answer = await ask("api/result/drawing", { ...Object.fromEntries(address(task)), index });
      if (answer.state !== "drawing") return answer;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  } catch (error) {
    return { state: "none", text: error.message };
  }
  return { state: "none", text: "The drawing takes too long. Reload the page to try again." };
}

function turnTo(page) {
  question.page = page;
  turn();
}
at("previous").addEventListener("click", () => turnTo(question.page - 1));
at("next").addEventListener("click", () => turnTo(question.page + 1));

const turn = where.dag_id && where.run_id ? live(read) : () => {};
if (!where.dag_id || !where.run_id) {
  say("freshness", "");
  notice(at("message"), "Open this page from a DAG run in Airflow, or from a job of the page Quantum.");
}
