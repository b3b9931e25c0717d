// The page Quantum trends: a task's figures over the runs of its DAG.
import { C, Router, address, html, inside, register, useLive, useState, useTimeZone } from "./host.js";
import { AsTable, Choice, DataTable, Empty, Loading, Note, Pager, To } from "./parts.js";
import { Plot, curves } from "./plots.js";
import { day, money, number, plusMinus, rate, seconds, time } from "./words.js";

const SIZES = [30, 90, 365];
const TITLES = { outcome: "Probability", ev: "Expectation value" };
const MARKS = ["circle", "rectRot", "triangle", "rect", "star", "crossRot"];

function Trends({ dagId }) {
  useTimeZone();
  const parameters = Router.useParams();
  const navigate = Router.useNavigate();
  const dag_id = dagId ?? parameters.dagId ?? "";
  const [question, setQuestion] = useState({ task_id: "", map_index: "", measure: "", page: 1, page_size: 30 });
  const asked = { dag_id, ...question };
  const { answer: last, error } = useLive(dag_id ? "api/trends" : null, asked, (found) => (found.to_be_read ? 1500 : 30000));
  // Airflow keeps the page when its user goes to another DAG.
  const answer = last?.dag_id === dag_id ? last : null;
  const choose = (change) => setQuestion({ ...question, page: 1, ...change });
  const task = answer ? `${answer.task_id}\n${answer.map_index}` : "";
  const measure = answer?.measures?.find((one) => one.key === answer.measure);
  return html`<${C.Box} p=${4} data-testid="trends" minWidth="0">
    <${C.Flex} justify="space-between" align="flex-end" flexWrap="wrap" gap=${3} mb=${4}>
      <${C.Heading} as="h2" size="xl">Quantum trends</${C.Heading}>
      ${answer?.points?.length ? html`<${C.Flex} gap=${3} flexWrap="wrap" align="flex-end">
        <${Choice} label="Task" width="220px" value=${task} onChange=${(value) => { const [task_id, map_index] = value.split("\n"); choose({ task_id, map_index, measure: "" }); }} testid="task-choice">
          ${answer.tasks.map((one) => html`<option key=${`${one.task_id}\n${one.map_index}`} value=${`${one.task_id}\n${one.map_index}`}>${one.map_index < 0 ? one.task_id : `${one.task_id}[${one.map_index}]`}</option>`)}</${Choice}>
        ${answer.measures.length ? html`<${Choice} label="Figure" width="240px" value=${answer.measure} onChange=${(value) => choose({ measure: value })} testid="measure-choice">${answer.measures.map((one) => html`<option key=${one.key} value=${one.key}>${one.name}</option>`)}</${Choice}>` : null}
        <${Choice} label="Runs" width="90px" value=${String(answer.page_size)} onChange=${(value) => choose({ page_size: Number(value) })} testid="size-choice">${SIZES.map((size) => html`<option key=${size} value=${String(size)}>${size}</option>`)}</${Choice}>
        <${C.Button} as="a" size="sm" variant="outline" href=${address("api/trends", { ...asked, format: "csv" })} download data-testid="trends-csv">Export CSV</${C.Button}>
      </${C.Flex}>` : null}
    </${C.Flex}>
    <${Note} status="error" testid="error">${error}</${Note}>
    <${Note}>${answer?.problem}</${Note}>
    ${answer === null && !error ? html`<${Loading} lines=${8} what="the runs" />` : null}
    ${answer?.message ? html`<${Empty} testid="message">${answer.message}</${Empty}>` : null}
    ${answer?.points?.length ? html`<${Curves} answer=${answer} measure=${measure} navigate=${navigate} />` : null}
    ${answer?.pages > 1 ? html`<${Pager} page=${answer.page} pages=${answer.pages} total=${answer.total} what="runs" turnTo=${(page) => choose({ page })} />` : null}
  </${C.Box}>`;
}

function Curves({ answer, measure, navigate }) {
  const { points, price } = answer;
  const labels = points.map((one) => day(one.run_after));
  const x = points.map((_, index) => index);
  const open = (index) => navigate(`${inside(points[index].url)}/plugin/quantum-result`);
  const backends = [...new Set(points.map((one) => one.backend).filter(Boolean))].sort();
  // One series for each backend, so that colours and marks tell them apart; where another one ran there is a gap.
  const by = (name, error) => (backends.length ? backends : [null]).map((backend, index) => ({
    name: backend ?? "all", marks: MARKS[index % MARKS.length],
    values: points.map((one) => (one.backend === backend || backend === null ? one[name] : null)),
    errors: error ? points.map((one) => one[error]) : undefined,
  }));
  let drawn = 0;
  const chart = (title, series, testid, height = 180) => {
    if (!series.some(({ values }) => values.some((value) => value !== null && value !== undefined))) return null;
    drawn += 1;
    return html`<${C.Box} key=${title} mb=${4} minWidth="0"><${C.Heading} as="h3" size="sm" mb=${1}>${title}</${C.Heading}>
      <${Plot} testid=${testid} height=${height} data=${[series, labels]} label=${`${title} over ${points.length} runs`} config=${curves({ x, labels, series, yTitle: "", onPick: open, hasLegend: drawn === 1, yWidth: 60 })} /></${C.Box}>`;
  };
  const name = measure?.name ?? "";
  return html`
    ${name ? chart(TITLES[measure.kind] ? `${TITLES[measure.kind]}: ${name}` : name, by("value", "error"), "trend-value", 280) : null}
    ${chart("Distance of the counts from those of the run before (Hellinger)", by("distance"), "trend-distance")}
    ${chart("Two-qubit error of the backend on that day (median)", by("two_qubit_error"), "trend-error")}
    ${chart("Readout error of the backend on that day (median)", by("readout_error"), "trend-readout")}
    ${chart("Seconds in the queue", by("queue_seconds"), "trend-queue")}
    ${chart("QPU seconds", by("seconds"), "trend-seconds")}
    ${chart(`Cost, estimated (${price.currency})`, by("cost"), "trend-cost")}
    <${C.Text} color="fg.muted" fontSize="sm">A click on a point opens its run.</${C.Text}>
    <${AsTable} label="The runs as a table"><${DataTable} caption="Figures of each run, the newest first" testid="trends-table" rows=${[...points].reverse()} rowKey=${(row) => row.run_id} rowProps=${(row) => ({ "data-testid": "trend-row", "data-run-id": row.run_id, "data-value": row.value, "data-error": row.error })} columns=${[
      { key: "run", title: "Run", head: true, cell: (row) => html`<${To} url=${`${row.url}/plugin/quantum-result`}>${time(row.run_after)}</${To}>` },
      { key: "state", title: "Task", cell: (row) => row.state ?? "no such task" },
      { key: "backend", title: "Backend", cell: (row) => row.backend ?? "–" },
      { key: "value", title: name || "Value", number: true, cell: (row) => (row.value === null ? "–" : plusMinus(row.value, row.error)) },
      { key: "distance", title: "Distance", number: true, cell: (row) => number(row.distance) },
      { key: "two", title: "Two-qubit error", number: true, cell: (row) => rate(row.two_qubit_error) },
      { key: "queue", title: "In the queue", number: true, cell: (row) => seconds(row.queue_seconds) },
      { key: "total", title: "From submission to end", number: true, cell: (row) => seconds(row.total_seconds) },
      { key: "seconds", title: "QPU time", number: true, cell: (row) => seconds(row.seconds) },
      { key: "cost", title: "Cost", number: true, cell: (row) => money(row.cost, price.currency) },
    ]} /></${AsTable}>`;
}

register("Quantum trends", Trends);
