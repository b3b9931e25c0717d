// The page Quantum result: what the tasks of a DAG run measured, when their jobs ran, and IBM's reasons for those that failed.
import { C, Router, address, html, register, useLive, useState, useTimeZone } from "./host.js";
import { Circuits } from "./circuits.js";
import { Loop } from "./loop.js";
import { AsTable, DataTable, Empty, Figure, JobState, Loading, Note, Pager, Section, To } from "./parts.js";
import { Plot, gantt } from "./plots.js";
import { Pub, compared } from "./pubs.js";
import { minute, money, seconds, time } from "./words.js";

const LIVE = 5000;

/** As long as anything goes on or is being read, the page asks again. */
function pause(answer) {
  const unread = answer.tasks.some((task) => task.jobs.some((job) => job.to_be_read)) || answer.summary?.bars.some((bar) => bar.to_be_read);
  if (unread) return 1000;
  if (answer.tasks.some((task) => task.goes_on) || !answer.total || answer.summary?.states.Queued || answer.summary?.states.Running) return LIVE;
  return answer.summary && !isWhole(answer.summary) ? LIVE : null;
}

/** Whether the list of jobs is known, and as new as the jobs that the tasks name. */
function isWhole(summary) {
  return summary.complete && summary.fresh;
}

function Result({ dagId, runId }) {
  const zone = useTimeZone();
  const parameters = Router.useParams();
  const [search] = Router.useSearchParams();
  const [page, setPage] = useState(1);
  const dag_id = dagId ?? parameters.dagId ?? search.get("dag_id") ?? "";
  const run_id = runId ?? parameters.runId ?? search.get("run_id") ?? "";
  const where = { dag_id, run_id };
  const question = { ...where, task_id: search.get("task_id") ?? "", map_index: search.get("map_index") ?? "", page };
  const { answer: last, error } = useLive(dag_id && run_id ? "api/result" : null, question, pause);
  // Airflow keeps the page when its user goes to another run.
  const answer = last?.dag_id === dag_id && last?.run_id === run_id ? last : null;
  const inSession = new Set(answer?.summary?.bars.filter((bar) => bar.in_session).map((bar) => bar.id));
  const waiting = answer?.tasks.filter((task) => task.goes_on).length ?? 0;
  return html`<${C.Box} p=${4} data-testid="result" minWidth="0">
    <${C.Heading} as="h2" size="xl" mb=${3}>Quantum result</${C.Heading}>
    <${Note} status="error" testid="error">${error}</${Note}>
    ${!dag_id || !run_id ? html`<${Empty}>Open this page from a DAG run in Airflow.</${Empty}>` : null}
    ${answer === null && !error && dag_id ? html`<${Loading} lines=${8} what="the results" />` : null}
    ${answer?.message ? html`<${Empty} testid="message">${answer.message}</${Empty}>` : null}
    ${waiting ? html`<${C.Text} color="fg.muted" role="status" mb=${2} data-testid="freshness">${`${waiting} of ${answer.tasks.length} tasks shown are still going on or being read.`}</${C.Text}>` : null}
    ${question.task_id && answer?.run_url ? html`<${C.Text} mb=${2}><${To} url=${`${answer.run_url}/plugin/quantum-result`}>All tasks of this run</${To}></${C.Text}>` : null}
    ${answer?.summary && !answer.summary.jobs && !isWhole(answer.summary) ? html`<${Loading} lines=${3} what="the jobs of this run" />` : null}
    ${answer?.summary?.jobs ? html`<${Summary} summary=${answer.summary} price=${answer.price} zone=${zone} />` : null}
    ${answer?.tasks.map((task) => html`<${Task} key=${`${task.task_id}/${task.map_index}`} task=${task} where=${where} price=${answer.price} inSession=${inSession} />`)}
    ${answer?.pages > 1 ? html`<${Pager} page=${answer.page} pages=${answer.pages} total=${answer.total} what="tasks" turnTo=${setPage} />` : null}
  </${C.Box}>`;
}

/** The task of a job, and which of its jobs it is. */
function inWords({ task, submission }) {
  const call = /c(\d+)$/.exec(submission);
  if (call) return `${task}, call ${call[1]}`;
  return ["", "1"].includes(submission) ? task : `${task}, submission ${submission}`;
}

function Summary({ summary, price, zone }) {
  const states = Object.entries(summary.states);
  const goesOn = summary.states.Queued || summary.states.Running;
  const bars = summary.bars.map((bar) => ({ ...bar, name: inWords(bar) }));
  return html`<${Section} title="All jobs of this run" data-testid="summary" level="h3">
    <${C.HStack} columnGap=${6} rowGap=${3} flexWrap="wrap" mb=${3} align="flex-start">
      <${Figure} name="Jobs of all tries" testid="summary-jobs">${summary.jobs.toLocaleString()}</${Figure}>
      <${Figure} name="States"><${C.HStack} gap=${2} flexWrap="wrap">${states.map(([state, count]) => html`<${C.HStack} key=${state} gap=${1}><${JobState} state=${state} /><span>${count}</span></${C.HStack}>`)}</${C.HStack}></${Figure}>
      <${Figure} name="QPU time" testid="summary-seconds">${seconds(summary.charged)}${summary.expected ? ` (and ${seconds(summary.expected)} expected)` : ""}</${Figure}>
      <${Figure} name="Cost, estimated" testid="summary-cost">${money(summary.cost, price.currency)}</${Figure}>
      ${summary.sessions.length ? html`<${Figure} name="Sessions and batches" testid="summary-sessions">${summary.sessions.length}</${Figure}>` : null}
    </${C.HStack}>
    <${Plot} config=${gantt(bars, Date.now())} data=${[bars, zone, goesOn ? Math.floor(Date.now() / LIVE) : 0]} height=${Math.min(600, 60 + 24 * bars.length)} testid="gantt" label=${`When the ${bars.length} jobs of this run waited and ran`} />
    <${C.Text} color="fg.muted" fontSize="sm">Grey: in the queue. Coloured: running, in the colour of the job's state.</${C.Text}>
    <${AsTable} label="The jobs as a table"><${DataTable} caption="All jobs of this run" testid="run-jobs" rows=${bars} rowKey=${(row) => row.id} rowProps=${(row) => ({ "data-testid": "run-job", "data-job-id": row.id, "data-state": row.state })} columns=${[
      { key: "id", title: "Job", head: true, cell: (row) => html`<${C.Code}>${row.id}</${C.Code}>` },
      { key: "task", title: "Task", cell: (row) => row.name },
      { key: "state", title: "State", cell: (row) => html`<${JobState} state=${row.state} />` },
      { key: "backend", title: "Backend", cell: (row) => row.backend ?? "–" },
      { key: "created", title: "Submitted", cell: (row) => time(row.created) },
      { key: "running", title: "Began", cell: (row) => (row.running ? time(row.running) : "not yet") },
      { key: "finished", title: "Ended", cell: (row) => (row.finished ? time(row.finished) : "not yet") },
      { key: "seconds", title: "QPU time", number: true, cell: (row) => (row.settled ? seconds(row.seconds) : `(${seconds(row.seconds)})`) },
      { key: "cost", title: "Cost", number: true, cell: (row) => money(row.cost, price.currency) },
    ]} /></${AsTable}>
    ${summary.more ? html`<${C.Text} color="fg.muted">${`${summary.more.toLocaleString()} more jobs are not drawn.`}</${C.Text}>` : null}
    ${summary.complete ? null : html`<${C.Text} color="fg.muted">The list of jobs is being read.</${C.Text}>`}
  </${Section}>`;
}

function Task({ task, where, price, inSession }) {
  const isInSession = task.loop?.calls.some((call) => call.jobs.some((id) => inSession.has(id)));
  const about = { ...where, task_id: task.task_id, map_index: task.map_index };
  return html`<${C.Box} as="section" aria-label=${`Task ${task.task}`} borderWidth="1px" borderRadius="md" p=${4} mb=${4} data-testid="task" data-task-id=${task.task_id} data-map-index=${task.map_index} data-state=${task.state} minWidth="0">
    <${C.Flex} justify="space-between" gap=${2} flexWrap="wrap" mb=${2}>
      <div><${C.Heading} as="h3" size="md"><${To} url=${task.url}>${task.task}</${To}></${C.Heading}>
      <${C.Text} color="fg.muted" fontSize="sm" data-testid="task-summary">${[task.program, task.state ? `task ${task.state}` : null, task.operator].filter(Boolean).join(", ")}</${C.Text}></div>
      <${C.HStack} gap=${2}>${task.downloads.map((format) => html`<${C.Button} key=${format} as="a" size="xs" variant="outline" href=${address("api/result/download", { ...about, format })} download data-testid=${`download-${format}`} aria-label=${`Download the result of ${task.task} as ${format.toUpperCase()}`}>${`Download ${format.toUpperCase()}`}</${C.Button}>`)}</${C.HStack}>
    </${C.Flex}>
    ${task.note ? html`<${C.Text} mb=${2} data-testid="task-note">${task.note}</${C.Text}>` : null}
    <${Plan} plan=${task.plan} />
    ${task.loop ? html`<${Loop} loop=${task.loop} goesOn=${task.goes_on} price=${price} isInSession=${isInSession} />` : null}
    ${task.jobs.map((job) => html`<${Job} key=${job.id} job=${job} price=${price} />`)}
    ${task.estimate ? html`<${C.Text} color="fg.muted" data-testid="estimate">${`Estimated at ${seconds(task.estimate.expected)} of QPU time before it was submitted; IBM charged ${seconds(task.estimate.charged)}.`}</${C.Text}>` : null}
    ${task.more_jobs ? html`<${C.Text}>${`${task.more_jobs} more jobs are not shown.`}</${C.Text}>` : null}
    ${compared(task.pubs)}
    ${task.pubs.map((pub) => html`<${Pub} key=${pub.index} pub=${pub} several=${task.pubs.length > 1} />`)}
    ${task.more_pubs ? html`<${C.Text}>${`${task.more_pubs.toLocaleString()} more PUBs are in the download.`}</${C.Text}>` : null}
    <${Circuits} task=${task} about=${about} />
  </${C.Box}>`;
}

/** What a dry run would have submitted. */
function Plan({ plan }) {
  if (!plan.length) return null;
  return html`<${C.Box} data-testid="plan" mb=${3}><${C.Text} mb=${2}>A dry run: nothing was bought. The job would have been:</${C.Text}>
    <${DataTable} caption="The plan of the dry run" rows=${plan} rowKey=${(row) => row.label} columns=${[
      { key: "label", title: "", head: true, cell: (row) => row.label }, { key: "value", title: "", cell: (row) => row.value }]} /></${C.Box}>`;
}

function Job({ job, price }) {
  const known = [job.backend, job.seconds === null ? null : `${seconds(job.seconds)} of QPU time`];
  if (job.cost !== null) known.push(`about ${money(job.cost, price.currency)}`);
  if (job.in_session) known.push("charged with its session");
  return html`<${C.Box} mb=${3} data-testid="job" data-job-id=${job.id} data-state=${job.state}>
    <${C.HStack} gap=${2} flexWrap="wrap"><${C.Text} as="span">Job <${To} url=${job.url} away data-testid="job-link"><${C.Code}>${job.id}</${C.Code}></${To}></${C.Text}>
      ${job.state ? html`<${JobState} state=${job.state} />` : null}<${C.Text} as="span">${known.filter(Boolean).join(", ")}</${C.Text}></${C.HStack}>
    ${job.note ? html`<${C.Text} color="fg.muted" data-testid="job-note">${job.note}</${C.Text}>` : null}
    ${job.to_be_read ? html`<${Loading} lines=${1} what="the job" />` : null}
    <${Steps} job=${job} />
    ${job.failure ? html`<${Failure} failure=${job.failure} />` : null}
  </${C.Box}>`;
}

const STEPS = [["created", "Queued"], ["running", "Running"], ["finished", "Done"]];

/** The times of a job: what has been, and what is known of the rest. */
function Steps({ job: { timeline: moments, state, waiting } }) {
  if (!moments.created) return null;
  const last = state === "Failed" || state === "Cancelled" ? state : "Done";
  return html`<${C.Flex} as="ol" gap=${8} flexWrap="wrap" my=${2} p=${0} listStyleType="none" aria-label="Times of the job" data-testid="timeline">
    ${STEPS.map(([name, label], index) => {
      const later = STEPS.slice(index + 1).map(([next]) => moments[next]).find(Boolean);
      const lasted = moments[name] && later ? Math.max(0, (new Date(later) - new Date(moments[name])) / 1000) : null;
      return html`<${C.Box} as="li" key=${name} data-step=${name} data-reached=${moments[name] ? "yes" : "no"} color=${moments[name] ? "fg" : "fg.muted"}>
        <${C.Text} fontWeight="600">${name === "finished" ? last : label}</${C.Text}>
        ${moments[name] ? html`<time dateTime=${moments[name]}>${time(moments[name])}</time>` : html`<span>${waiting ? "not yet" : "not known"}</span>`}
        ${lasted === null ? null : html`<${C.Text} color="fg.muted" fontSize="sm">${`for ${seconds(lasted)}`}</${C.Text}>`}
        ${waiting ? html`<${C.Text} color="fg.muted" fontSize="sm" data-testid=${`expected-${name}`}>${expected(name, state, waiting)}</${C.Text}>` : null}
      </${C.Box}>`;
    })}
  </${C.Flex}>`;
}

function expected(name, state, { queue, wait_seconds: wait, expected_seconds: takes, ends }) {
  if (name === "created" && state === "Queued") {
    return [queue === null ? null : `${queue.toLocaleString()} jobs in the queue`, wait === null ? null : `usual wait ${seconds(wait)}`].filter(Boolean).join(", ");
  }
  if (name === "running" && takes !== null) return `takes about ${seconds(takes)} of QPU time`;
  if (name === "finished" && ends) return `expected at ${minute(ends)}`;
  return "";
}

function Failure({ failure: { reason, code, solution, retry } }) {
  const advice = retry ? "A retry of the task submits a new job." : "A retry cannot help: change the input, then clear the task.";
  return html`<${Note} status="error" testid="failure">
    <${C.Text} fontWeight="600">${code ? `${reason} (code ${code})` : reason}</${C.Text}>
    ${solution ? html`<${C.Text}>${solution}</${C.Text}>` : null}<${C.Text} data-testid="advice">${advice}</${C.Text}>
  </${Note}>`;
}

register("Quantum result", Result);
