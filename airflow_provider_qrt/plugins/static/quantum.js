// The page Quantum: backends, QPU time and jobs of a connection, read again every few seconds.
import { C, Router, address, ask, html, register, segment, useLive, useState, useTimeZone } from "./host.js";
import { AskFirst, AsTable, Choice, DataTable, Empty, Field, Figure, JobState, Loading, MachineState, MachineTable, Note, Pager, Section, To } from "./parts.js";
import { Plot, machineMap, spark, stackedDays } from "./plots.js";
import { ago, day, microseconds, minute, money, percent, rate, seconds, time } from "./words.js";

const LIVE = 10000;
const SOON = 1000;
const NAMES = ["conn_id", "state", "dag_id", "backend", "tag", "text", "since", "until", "sort", "reverse", "page", "page_size"];
const DESCENDING = ["created", "seconds", "cost"];
const DASH = "–";

/** The selection, which is kept in the address of the page. */
function useQuestion() {
  const [search, setSearch] = Router.useSearchParams();
  const question = Object.fromEntries(NAMES.map((name) => [name, search.get(name) ?? ""]));
  function choose(change) {
    // Of the address as it is now: somebody may choose twice before the page is drawn again.
    const present = new URLSearchParams(globalThis.location.search);
    const now = Object.fromEntries(NAMES.map((name) => [name, present.get(name) ?? ""]));
    const kept = Object.entries({ ...now, page: "", ...change }).filter(([name, value]) => value !== "" && !(name === "page" && String(value) === "1"));
    setSearch(kept.map(([name, value]) => [name, String(value)]), { replace: true });
  }
  return [question, choose];
}

function Quantum() {
  const [question, choose] = useQuestion();
  useTimeZone();
  const live = useLive("api/quantum", question, (answer) => {
    const waits = answer.freshness?.state === "reading" || answer.jobs?.rows.some((row) => row.queue.how === "to be read");
    return waits && answer.freshness.state !== "failed" ? SOON : LIVE;
  });
  const { answer, error } = live;
  return html`<${C.Box} p=${3} data-testid="quantum">
    <${C.Flex} justify="space-between" align="center" flexWrap="wrap" gap=${4} mb=${4}>
      <${C.Heading} as="h1" size="xl">Quantum</${C.Heading}>
      <${C.HStack} gap=${4} flexWrap="wrap">
        <${C.Text} color="fg.muted" fontSize="sm" data-testid="read-at">${answer?.freshness?.read_at ? `As of ${time(answer.freshness.read_at * 1000)}` : ""}</${C.Text}>
        ${answer?.connections.length ? html`<${Choice} label="Connection" value=${answer.conn_id ?? ""} onChange=${(conn_id) => choose({ conn_id, state: "", dag_id: "", backend: "", tag: "" })} testid="connection-select" width="260px">
          ${answer.conn_id === null && html`<option value="">${DASH}</option>`}${answer.connections.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</${Choice}>` : null}
      </${C.HStack}>
    </${C.Flex}>
    <${Note} status="error" testid="error">${error}</${Note}>
    <${Note} status="warning" testid="message">${answer?.message}</${Note}>
    ${answer?.freshness?.message ? html`<${Note} status=${answer.freshness.state === "failed" ? "error" : "info"} testid="freshness">${answer.freshness.message}</${Note}>` : null}
    ${answer === null && !error ? html`<${Loading} lines=${8} what="the instance" />` : null}
    ${answer?.conn_id ? html`<${Content} answer=${answer} question=${question} choose=${choose} turn=${live.turn} />` : null}
  </${C.Box}>`;
}

function Content({ answer, question, choose, turn }) {
  const isFirst = answer.freshness.state === "reading" && answer.freshness.read_at === null;
  return html`
    <${Section} title="Backends">
      <${Note}>${answer.problems.backends}</${Note}>
      ${isFirst && !answer.backends.length ? html`<${Loading} lines=${3} what="the backends" />` : html`<${Backends} answer=${answer} />`}
    </${Section}>
    <${Section} title="QPU time">
      <${Note}>${answer.problems.usage}</${Note}>
      <${Instance} usage=${answer.instance} isFirst=${isFirst} />
      <${Usage} answer=${answer} isFirst=${isFirst} />
    </${Section}>
    <${Section} title="Jobs" aside=${html`<${C.Button} as="a" size="sm" variant="outline" href=${address("api/jobs.csv", { ...question, conn_id: answer.conn_id, page: "", page_size: "" })} download data-testid="export">Export CSV</${C.Button}>`}>
      <${Note}>${answer.problems.jobs}</${Note}>
      <${Filters} jobs=${answer.jobs} dags=${answer.dags} question=${question} choose=${choose} />
      ${isFirst && !answer.jobs.rows.length ? html`<${Loading} lines=${6} what="the jobs" />` : html`<${Jobs} answer=${answer} question=${question} choose=${choose} turn=${turn} />`}
    </${Section}>`;
}

// Backends

function Backends({ answer }) {
  const [open, setOpen] = useState("");
  if (!answer.backends.length) return html`<${Empty}>No backends were read.</${Empty}>`;
  return html`<${C.SimpleGrid} minChildWidth="270px" gap=${3} as="ul" listStyleType="none" p=${0} m=${0} data-testid="backends">
      ${answer.backends.map((row) => html`<${C.Box} as="li" key=${row.name} minWidth="0"><${Backend} row=${row} now=${answer.now * 1000} isOpen=${open === row.name} toggle=${() => setOpen(open === row.name ? "" : row.name)} /></${C.Box}>`)}
    </${C.SimpleGrid}>
    ${open ? html`<${Machine} key=${open} name=${open} conn_id=${answer.conn_id} />` : null}`;
}

function Backend({ row, now, isOpen, toggle }) {
  const { calibration } = row;
  const lengths = row.queues.map(([, length]) => length);
  return html`<${C.Card.Root} size="sm" height="100%" data-testid="backend-card" data-backend=${row.name}>
    <${C.Card.Header}><${C.Flex} justify="space-between" align="center" gap=${2} flexWrap="wrap">
      <${C.Heading} as="h3" size="sm">${row.name}</${C.Heading}><${MachineState} available=${row.available} status=${row.status} reason=${row.reason} />
    </${C.Flex}></${C.Card.Header}>
    <${C.Card.Body}>
      <${C.Text} color="fg.muted" fontSize="sm">${[row.processor, row.qubits === null ? null : `${row.qubits} qubits`].filter(Boolean).join(", ") || "no details"}</${C.Text}>
      <${C.SimpleGrid} columns=${2} gap=${2} my=${2}>
        <${Figure} name="Queue" testid="backend-queue">${row.queue.toLocaleString()}</${Figure}>
        <${Figure} name="Wait">${seconds(row.wait_seconds)}</${Figure}>
        <${Figure} name="Two-qubit error" testid="backend-error">${rate(row.two_qubit_error ?? calibration?.two_qubit_error)}</${Figure}>
        <${Figure} name="Readout error">${rate(row.readout_error ?? calibration?.readout_error)}</${Figure}>
      </${C.SimpleGrid}>
      ${lengths.length > 2 ? html`<${Plot} config=${spark(lengths)} data=${lengths} height=${32} label=${`The queue of ${row.name} in the last readings: from ${lengths[0]} to ${lengths[lengths.length - 1]} jobs`} testid="queue-history" /><${AsTable} label="The queue as a table"><${DataTable} caption=${`The queue of ${row.name}`} rows=${row.queues} columns=${[
          { key: "when", title: "Read", head: true, cell: ([when]) => time(when * 1000) }, { key: "queue", title: "Jobs", number: true, cell: ([, length]) => length.toLocaleString() }]} /></${AsTable}>` : null}
      <${C.Flex} justify="space-between" align="center" gap=${2}>
        <${C.Text} color="fg.muted" fontSize="sm" data-testid="calibrated" title=${time(calibration?.when)}>${calibration === null ? "Calibration: not yet read" : calibration.when ? `Calibrated ${ago(calibration.when, now)}` : "Calibration unknown"}</${C.Text}>
        <${C.Button} size="xs" variant="outline" onClick=${toggle} aria-expanded=${isOpen} data-testid="backend-details" aria-label=${`Details of ${row.name}`}>Details</${C.Button}>
      </${C.Flex}>
    </${C.Card.Body}></${C.Card.Root}>`;
}

function Machine({ name, conn_id }) {
  const { answer, error } = useLive("api/backend", { name, conn_id }, (found) => (found.state === "reading" ? SOON : null));
  if (error || answer?.problem) return html`<${Note} status="error">${error || answer.problem}</${Note}>`;
  if (!answer || answer.state === "reading") return html`<${Loading} what=${`the calibration of ${name}`} />`;
  const history = answer.history.filter((one) => one.when);
  return html`<${C.Box} borderWidth="1px" borderRadius="md" p=${4} mt=${3} data-testid="machine" data-backend=${name}>
    <${C.Heading} as="h3" size="md" mb=${2}>${name}</${C.Heading}>
    <${C.SimpleGrid} minChildWidth="320px" gap=${6}>
      <div>
        <${C.Text} color="fg.muted" fontSize="sm">Qubits by readout error, couplings by the error of their gate: bright is good, dark is bad, dashed is out of service.</${C.Text}>
        ${answer.qubits.length ? html`<${Plot} config=${machineMap({ ...answer, used: [] })} data=${[name, answer.now?.when]} height=${360} testid="machine-map" label=${`The map of ${name}: ${answer.qubits.length} qubits and ${answer.couplings.length} couplings`} /><${MachineTable} name=${name} qubits=${answer.qubits} couplings=${answer.couplings} />` : html`<${Empty}>The service gives no map of this backend.</${Empty}>`}
      </div>
      <div>
        <${DataTable} caption=${`The last calibrations of ${name}`} showCaption testid="calibrations" rows=${[...history].reverse()} rowKey=${(row) => row.when} columns=${[
          { key: "when", title: "Calibrated", head: true, cell: (row) => time(row.when) },
          { key: "two", title: "Two-qubit error", number: true, cell: (row) => rate(row.two_qubit_error) },
          { key: "readout", title: "Readout error", number: true, cell: (row) => rate(row.readout_error) },
          { key: "t1", title: "T1", number: true, cell: (row) => microseconds(row.t1) },
          { key: "t2", title: "T2", number: true, cell: (row) => microseconds(row.t2) },
        ]} empty="No calibration is known." />
      </div>
    </${C.SimpleGrid}></${C.Box}>`;
}

// QPU time

function Instance({ usage, isFirst }) {
  if (usage === null) return isFirst ? null : html`<${C.Text} color="fg.muted" mb=${3}>The usage of the instance is not known.</${C.Text}>`;
  const ends = usage.period_end && new Date(usage.period_end) > Date.now() + 60000;
  return html`<${C.Box} mb=${4} data-testid="instance-usage">
    <${C.HStack} gap=${8} flexWrap="wrap" mb=${2}>
      <${Figure} name="Used in this period" testid="usage-used">${seconds(usage.consumed)}</${Figure}>
      <${Figure} name="Limit" testid="usage-limit">${usage.limit === null ? "none" : `${seconds(usage.limit)} (${percent(usage.share)} used)`}</${Figure}>
      ${ends ? html`<${Figure} name="The period ends">${day(usage.period_end)}</${Figure}>` : null}
    </${C.HStack}>
    ${usage.limit === null ? null : html`<${C.Progress.Root} value=${Math.min(usage.consumed, usage.limit)} max=${usage.limit} size="sm" maxWidth="600px" colorPalette=${usage.share > 0.9 ? "failed" : "success"} aria-label="QPU time used of the limit"><${C.Progress.Track}><${C.Progress.Range} /></${C.Progress.Track}></${C.Progress.Root}>`}
    ${usage.reached ? html`<${Note}>The limit is reached: IBM takes no more jobs.</${Note}>` : null}
  </${C.Box}>`;
}

function Usage({ answer, isFirst }) {
  const { answer: usage } = useLive("api/usage", { conn_id: answer.conn_id }, (found) => (found.complete ? 60000 : 3000));
  if (!usage?.days) return html`<${Loading} lines=${3} what="the QPU time" />`;
  const { currency } = answer.price;
  const days = usage.days.map((one, index) => ({ day: one, total: usage.series.reduce((sum, { seconds: values }) => sum + values[index], 0) }));
  return html`
    ${usage.series.length ? html`<${Plot} config=${stackedDays(usage)} data=${usage} height=${260} testid="usage-plot" label=${`QPU seconds of the last ${usage.days.length} days (UTC), by DAG; ${seconds(days.reduce((sum, one) => sum + one.total, 0))} in all`} />
      <${AsTable}><${DataTable} caption="QPU time of each day (UTC)" testid="days-table" rows=${days.filter((one) => one.total > 0)} rowKey=${(row) => row.day} columns=${[
        { key: "day", title: "Day (UTC)", head: true, cell: (row) => row.day }, { key: "seconds", title: "QPU time", number: true, cell: (row) => seconds(row.total) }]} /></${AsTable}>` : null}
    <${C.Heading} as="h3" size="sm" mt=${4} mb=${2}>By DAG</${C.Heading}>
    <${DataTable} caption="QPU time of the listed jobs by DAG, the largest first" testid="dags-table" rows=${answer.dags} rowKey=${(row) => row.dag_id} rowProps=${(row) => ({ "data-testid": "dag-row", "data-dag-id": row.dag_id })} empty=${isFirst ? "Reading." : "No DAG has jobs here."} columns=${[
      { key: "dag", title: "DAG", head: true, cell: (row) => html`<${To} url=${row.url}>${row.dag_id}</${To}>` },
      { key: "jobs", title: "Jobs", number: true, cell: (row) => row.jobs.toLocaleString() },
      { key: "charged", title: "Charged", number: true, cell: (row) => seconds(row.charged) },
      { key: "expected", title: "Expected", number: true, cell: (row) => (row.expected ? `(${seconds(row.expected)})` : DASH) },
      { key: "cost", title: "Cost", number: true, cell: (row) => money(row.cost, currency) },
      { key: "share", title: "Share of the limit", number: true, cell: (row) => percent(row.share) },
    ]} />
    ${usage.sessions.length ? html`<${C.Heading} as="h3" size="sm" mt=${4} mb=${2}>Dedicated sessions</${C.Heading}>
    <${DataTable} caption="Dedicated sessions, the newest first: each is charged for the time for which it holds the backend" testid="sessions-table" rows=${usage.sessions} rowKey=${(row) => row.id} rowProps=${(row) => ({ "data-testid": "session-row", "data-session-id": row.id })} columns=${[
      { key: "id", title: "Session", head: true, cell: (row) => html`<${C.Code}>${row.id}</${C.Code}>` },
      { key: "dag", title: "DAG", cell: (row) => row.dag_id },
      { key: "backend", title: "Backend", cell: (row) => row.backend ?? DASH },
      { key: "state", title: "State", cell: (row) => row.state ?? DASH },
      { key: "began", title: "Began", cell: (row) => time(row.began) },
      { key: "jobs", title: "Jobs", number: true, cell: (row) => row.jobs },
      { key: "held", title: "Held", number: true, cell: (row) => seconds(row.held_seconds) },
      { key: "idle", title: "Idle", number: true, cell: (row) => seconds(row.idle_seconds) },
      { key: "cost", title: "Cost", number: true, cell: (row) => money(row.cost, currency) },
    ]} />` : null}
    <${C.Text} color="fg.muted" fontSize="sm" mt=${3} data-testid="cost-note">${`Costs are estimates: QPU time at ${money(answer.price.per_second, currency)} a second, whatever your plan. A figure in brackets is expected, not charged. A dedicated session costs its DAG the time for which it holds the backend, and its jobs nothing besides.`}</${C.Text}>`;
}

// Jobs

function Filters({ jobs, dags, question, choose }) {
  const [text, setText] = useState(question.text);
  const names = [...new Set([...dags.map((one) => one.dag_id), question.dag_id])].filter(Boolean).sort();
  const options = (all, found) => [html`<option key="" value="">${all}</option>`, ...found.map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)];
  return html`<${C.Flex} as="form" role="search" aria-label="Jobs" gap=${3} flexWrap="wrap" align="flex-end" mb=${3} onSubmit=${(event) => { event.preventDefault(); choose({ text }); }}>
    <${Field} label="Search" type="search" value=${text} placeholder="id, DAG, run, task, tag" onChange=${(event) => setText(event.target.value)} onBlur=${() => text !== question.text && choose({ text })} testid="search" width="240px" />
    <${Choice} label="State" value=${jobs.state} onChange=${(state) => choose({ state })} testid="state-filter">${options(`all (${jobs.all.toLocaleString()})`, Object.entries(jobs.counts).map(([name, count]) => [name, `${name} (${count.toLocaleString()})`]))}</${Choice}>
    <${Choice} label="DAG" value=${jobs.dag_id} onChange=${(dag_id) => choose({ dag_id })} testid="dag-filter" width="220px">${options("all", names.map((name) => [name, name]))}</${Choice}>
    <${Choice} label="Backend" value=${jobs.backend} onChange=${(backend) => choose({ backend })} testid="backend-filter" width="160px">${options("all", jobs.backends.map((name) => [name, name]))}</${Choice}>
    ${jobs.tags.length ? html`<${Choice} label="Tag" value=${jobs.tag} onChange=${(tag) => choose({ tag })} testid="tag-filter" width="160px">${options("all", jobs.tags.map((name) => [name, name]))}</${Choice}>` : null}
    <${Field} label="From (UTC)" type="date" value=${question.since} onChange=${(event) => choose({ since: event.target.value })} testid="since" width="150px" />
    <${Field} label="To (UTC)" type="date" value=${question.until} onChange=${(event) => choose({ until: event.target.value })} testid="until" width="150px" />
    <${Choice} label="Jobs on a page" value=${String(jobs.page_size)} onChange=${(page_size) => choose({ page_size })} testid="page-size" width="110px">${[25, 50, 100].map((size) => html`<option key=${size} value=${String(size)}>${size}</option>`)}</${Choice}>
  </${C.Flex}>`;
}

function queued({ seconds: value, how }) {
  if (how === "to be read") return "being read";
  return how === "waits" ? `${seconds(Math.round(value))} so far` : seconds(value);
}

function ran({ seconds: value, how, ends }) {
  if (how === "to be read") return "being read";
  if (how !== "runs") return seconds(value);
  return html`${seconds(Math.round(value))} so far${ends ? html`<${C.Text} fontSize="xs" color="fg.muted">${`until about ${minute(ends)}`}</${C.Text}>` : null}`;
}

function charged(row, text) {
  return row.settled || text === DASH ? text : `(${text})`;
}

function resultUrl({ dag_id, run_id, task_id, map_index }) {
  const query = task_id ? `?${new URLSearchParams({ task_id, map_index })}` : "";
  return `/dags/${segment(dag_id)}/runs/${segment(run_id)}/plugin/quantum-result${query}`;
}

function Jobs({ answer, question, choose, turn }) {
  const { jobs, price } = answer;
  const [column, reverse] = [question.sort || "created", question.reverse === "true"];
  const sort = { column, ascending: DESCENDING.includes(column) === reverse };
  const onSort = (other) => choose({ sort: other, reverse: other === column && !reverse ? "true" : "" });
  const filtered = [jobs.state, jobs.dag_id, jobs.backend, jobs.tag, jobs.text, jobs.since, jobs.until].some(Boolean);
  return html`<${DataTable} caption="Jobs that this Airflow submitted" testid="jobs-table" rows=${jobs.rows} rowKey=${(row) => row.id} sort=${sort} onSort=${onSort}
      rowProps=${(row) => ({ "data-testid": "job-row", "data-job-id": row.id, "data-state": row.state })}
      empty=${filtered ? "No job matches. Change the filters above." : "This Airflow has submitted no job here so far."} columns=${[
    { key: "id", title: "Job", sort: "id", head: true, cell: (row) => html`<${To} url=${row.url} away data-testid="job-link"><${C.Code}>${row.id}</${C.Code}></${To}>` },
    { key: "state", title: "State", sort: "state", cell: (row) => html`<span title=${row.reason}><${JobState} state=${row.state} /></span>` },
    { key: "backend", title: "Backend", sort: "backend", cell: (row) => row.backend ?? DASH },
    { key: "dag", title: "DAG", sort: "dag", cell: (row) => html`<${To} url=${row.dag_url} data-testid="job-dag">${row.dag_id}</${To}>` },
    { key: "task", title: "Task", sort: "task", cell: (row) => html`<${C.HStack} gap=${2} flexWrap="wrap"><${To} url=${row.task_url} data-testid="job-task" title="Its log in Airflow">${row.task ?? row.run_id}</${To}>${row.result ? html`<${To} url=${resultUrl(row.result)} data-testid="result-link" aria-label=${`Result of ${row.task ?? row.run_id}`}>result</${To}>` : null}</${C.HStack}>` },
    { key: "created", title: "Submitted", sort: "created", cell: (row) => time(row.created) },
    { key: "queue", title: "In the queue", number: true, cell: (row) => html`<span data-testid="job-queue">${queued(row.queue)}</span>` },
    { key: "run", title: "Running", number: true, cell: (row) => html`<span data-testid="job-run">${row.state === "Queued" ? "not yet" : ran(row.run)}</span>` },
    { key: "seconds", title: "QPU time", sort: "seconds", number: true, cell: (row) => html`<span data-testid="job-seconds">${charged(row, seconds(row.seconds))}</span>` },
    { key: "cost", title: "Cost", sort: "cost", number: true, cell: (row) => html`<span data-testid="job-cost">${row.in_session ? "in session" : charged(row, money(row.cost, price.currency))}</span>` },
    { key: "cancel", title: "", cell: (row) => html`<${Cancel} row=${row} conn_id=${answer.conn_id} turn=${turn} />` },
  ]} />
  <${Pager} page=${jobs.page} pages=${jobs.pages} total=${jobs.total} what="jobs" turnTo=${(page) => choose({ page })} />
  ${answer.cut ? html`<${Note}>The instance has more jobs than are read.</${Note}>` : null}`;
}

const WARNING = "A task that waits for this job fails, or submits it again if it has retries left. To stop the task, mark it in Airflow instead.";

function Cancel({ row, conn_id, turn }) {
  const [said, setSaid] = useState("");
  const [isAsked, setAsked] = useState(false);
  async function cancel() {
    setSaid("It is being cancelled.");
    setAsked(true);
    try {
      setSaid((await ask("api/cancel", {}, { body: { conn_id, job_id: row.id } })).fate);
      turn();
    } catch (error) {
      setSaid(error.message);
    }
    setAsked(false);
  }
  const fate = row.fate || said;
  return html`${fate ? html`<${C.Text} as="span" fontSize="sm" color="fg.muted" role="status" data-testid="job-fate">${fate}</${C.Text}> ` : null}
    ${row.may_cancel && !isAsked ? html`<${AskFirst} label="Cancel" title=${`Cancel job ${row.id}?`} question=${WARNING} yes="Cancel the job" no="Let it go on" onYes=${cancel} testid="cancel" aria-label=${`Cancel job ${row.id}`} />` : null}`;
}

register("Quantum", Quantum);
