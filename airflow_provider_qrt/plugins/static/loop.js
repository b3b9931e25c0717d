// The course of a hybrid loop, while it goes on too.
import { C, html } from "./host.js";
import { AsTable, DataTable } from "./parts.js";
import { Plot, curves } from "./plots.js";
import { money, number, plusMinus, seconds } from "./words.js";

/** `isInSession`: a dedicated session is charged for its time, and not for its jobs. */
export function Loop({ loop, goesOn, price, isInSession }) {
  const cost = isInSession ? ", charged with its session" : loop.cost === null ? "" : `, about ${money(loop.cost, price.currency)}`;
  const calls = loop.calls.filter((row) => row.jobs.length);
  return html`<${C.Box} data-testid="loop" data-calls=${loop.calls.length} data-jobs=${loop.jobs} mb=${3}>
    <${C.Text} mb=${2}>${`A loop of ${loop.calls.length.toLocaleString()} calls${goesOn ? " so far" : ""}, ${loop.jobs.toLocaleString()} jobs, ${seconds(loop.seconds)} of QPU time${cost}.`}</${C.Text}>
    ${loop.series.map(({ name, points }) => html`<div key=${name}><${C.Heading} as="h4" size="sm" mb=${1}>${name}</${C.Heading}>
      <${Plot} testid="course" height=${240} data=${points} label=${`${name} over ${points.length} calls, the last one ${plusMinus(points[points.length - 1].value, points[points.length - 1].error)}`}
        config=${curves({ x: points.map((one) => one.call), xTitle: "call", yTitle: name, series: [{ name, values: points.map((one) => one.value), errors: points.map((one) => one.error) }] })} /></div>`)}
    ${calls.length > 1 ? html`<${C.Heading} as="h4" size="sm" mb=${1}>QPU seconds</${C.Heading}>
      <${Plot} testid="spent" height=${160} data=${calls.map((row) => row.spent)} label=${`QPU seconds used so far over ${calls.length} calls: ${number(loop.seconds)} in all`}
        config=${curves({ x: calls.map((row) => row.call), xTitle: "call", yTitle: "QPU seconds", series: [{ name: "QPU seconds so far", values: calls.map((row) => row.spent), colour: 1 }] })} />` : null}
    <${AsTable}><${DataTable} caption="Calls of the loop" testid="calls-table" rows=${loop.calls} rowKey=${(row) => row.call} rowProps=${(row) => ({ "data-testid": "call-row", "data-call": row.call, "data-value": row.value, "data-error": row.error })} columns=${[
      { key: "call", title: "Call", head: true, cell: (row) => row.call },
      { key: "name", title: "Name", cell: (row) => row.name },
      { key: "value", title: "Value", cell: (row) => (row.value === null ? row.shown : plusMinus(row.value, row.error)) },
      { key: "spent", title: "QPU seconds so far", number: true, cell: (row) => number(row.spent) },
      { key: "jobs", title: "Job", cell: (row) => row.jobs.map((id) => html`<${C.Code} key=${id} mr=${1}>${id}</${C.Code}>`) },
    ]} /></${AsTable}>
  </${C.Box}>`;
}
