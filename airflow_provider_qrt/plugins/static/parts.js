// Parts that several pages have: states, tables that become cards where there is little room, sections, choices.
import { C, Router, html, inside, useState, useWidth } from "./host.js";
import { number } from "./words.js";

const PALETTES = { Completed: "success", Failed: "failed", Running: "running", Queued: "queued", Cancelled: "skipped" };
/** Drawn in a square of 24, with lines: a tick, a cross, a pulse, a clock, a stop sign. */
const GLYPHS = {
  Completed: "M20 6 9 17l-5-5",
  Failed: "M18 6 6 18M6 6l12 12",
  Running: "M22 12h-4l-3 9L9 3l-3 9H2",
  Queued: "M12 6v6l4 2M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20",
  Cancelled: "M4.9 4.9 19.1 19.1M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20",
};

export function Glyph({ of }) {
  return html`<svg viewBox="0 0 24 24" width="14" height="14" fill="none" stroke="currentColor" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${GLYPHS[of] ?? GLYPHS.Queued} /></svg>`;
}

/** White on Airflow's own cyan has too little contrast to be read by everybody. */
const DARKER = { Running: "cyan.700" };

/** The state of a job, told by its word and a sign and not by its colour alone. */
export function JobState({ state }) {
  if (!state) return html`<${C.Text} as="span" color="fg.muted">not yet</${C.Text}>`;
  return html`<${C.Badge} colorPalette=${PALETTES[state] ?? "none"} bg=${DARKER[state]} variant="solid" borderRadius="full" fontSize="sm" px=${2} py=${1} data-testid="job-state" data-state=${state}>
    <${Glyph} of=${state} />${state}</${C.Badge}>`;
}

/** Whether a machine can be used. */
export function MachineState({ available, status, reason }) {
  const more = reason && reason !== "available" ? ` (${reason})` : "";
  return html`<${C.Badge} colorPalette=${available ? "success" : "failed"} variant="solid" borderRadius="full" fontSize="sm" px=${2} py=${1}>
    <${Glyph} of=${available ? "Completed" : "Failed"} />${status}${more}</${C.Badge}>`;
}

/** A link to a page of Airflow's, which its router opens, or to one elsewhere. */
export function To({ url, children, away = false, ...more }) {
  if (!url) return html`<span>${children ?? "–"}</span>`;
  if (away) return html`<${C.Link} href=${url} target="_blank" rel="noopener noreferrer" color="fg.info" ...${more}>${children}</${C.Link}>`;
  return html`<${C.Link} asChild color="fg.info" ...${more}><${Router.Link} to=${inside(url)}>${children}</${Router.Link}></${C.Link}>`;
}

export function Section({ title, children, aside, level = "h2", ...more }) {
  return html`<${C.Box} as="section" aria-label=${title} mb=${8} ...${more}>
    <${C.Flex} justify="space-between" align="center" flexWrap="wrap" gap=${2} mb=${3}>
      <${C.Heading} as=${level} size="lg">${title}</${C.Heading}>${aside}
    </${C.Flex}>${children}</${C.Box}>`;
}

/** Something that went wrong, or that is worth knowing. */
export function Note({ children, status = "warning", testid = "note" }) {
  if (!children) return null;
  return html`<${C.Alert.Root} status=${status} mb=${3} role=${status === "error" ? "alert" : "status"} data-testid=${testid} data-status=${status}>
    <${C.Alert.Indicator} /><${C.Alert.Content}><${C.Alert.Description}>${children}</${C.Alert.Description}></${C.Alert.Content}>
  </${C.Alert.Root}>`;
}

export function Loading({ lines = 4, what }) {
  return html`<${C.Stack} gap=${3} mb=${6} role="status" aria-label=${`Reading ${what}`} data-testid="loading">
    ${Array.from({ length: lines }, (_, line) => html`<${C.Skeleton} key=${line} height="32px" />`)}
  </${C.Stack}>`;
}

export function Empty({ children, testid = "empty" }) {
  return html`<${C.Box} textAlign="center" color="fg.muted" borderWidth="1px" borderRadius="md" p=${8} data-testid=${testid}>${children}</${C.Box}>`;
}

/** A number with its name. */
export function Figure({ name, children, testid }) {
  return html`<${C.Box} minWidth="110px" data-testid=${testid}>
    <${C.Text} color="fg.muted" fontSize="sm">${name}</${C.Text}><${C.Box} fontSize="lg" fontWeight="500">${children}</${C.Box}>
  </${C.Box}>`;
}

export function Choice({ label, value, onChange, children, width = "180px", testid }) {
  return html`<${C.Box} width=${width} maxWidth="100%">
    <${C.Text} as="label" fontSize="xs" color="fg.muted" display="block">${label}
      <${C.NativeSelect.Root} size="sm"><${C.NativeSelect.Field} value=${value} onChange=${(event) => onChange(event.target.value)} aria-label=${label} data-testid=${testid}>${children}</${C.NativeSelect.Field}><${C.NativeSelect.Indicator} /></${C.NativeSelect.Root}>
    </${C.Text}></${C.Box}>`;
}

export function Field({ label, width = "180px", testid, ...more }) {
  return html`<${C.Box} width=${width} maxWidth="100%">
    <${C.Text} as="label" fontSize="xs" color="fg.muted" display="block">${label}<${C.Input} size="sm" aria-label=${label} data-testid=${testid} ...${more} /></${C.Text}></${C.Box}>`;
}

export function Pager({ page, pages, total, what, turnTo }) {
  return html`<${C.HStack} as="nav" aria-label=${`Pages of ${what}`} mt=${3} gap=${3} flexWrap="wrap">
    <${C.Button} size="sm" variant="outline" disabled=${page <= 1} onClick=${() => turnTo(page - 1)} data-testid="pager-previous">Previous</${C.Button}>
    <${C.Text} data-testid="pager-label">${`Page ${page} of ${pages}, ${total.toLocaleString()} ${what}`}</${C.Text}>
    <${C.Button} size="sm" variant="outline" disabled=${page >= pages} onClick=${() => turnTo(page + 1)} data-testid="pager-next">Next</${C.Button}>
  </${C.HStack}>`;
}

const NARROW = 600;

/**
 * A table; a card for each row where it has less than 600 px.
 * A column has `key`, `title`, `cell(row)`, and may have `sort`, `number`, `head` (the row's name).
 */
export function DataTable({ caption, columns, rows, rowProps = () => ({}), rowKey = (row, index) => index, sort, onSort, empty = "There is nothing here.", testid, showCaption = false }) {
  const [ref, width] = useWidth();
  const numbers = { textAlign: "right", fontVariantNumeric: "tabular-nums", whiteSpace: "nowrap" };
  const shown = !rows.length ? html`<${Empty}>${empty}</${Empty}>` : width < NARROW
    ? html`<${C.Stack} gap=${3} as="ul" listStyleType="none" p=${0} m=${0} aria-label=${caption} data-testid=${testid} data-as="cards">
        ${rows.map((row, index) => html`<${C.Box} as="li" key=${rowKey(row, index)} borderWidth="1px" borderRadius="md" p=${3} ...${rowProps(row)}>
          ${columns.map((column) => html`<${C.Flex} key=${column.key} justify="space-between" gap=${4} py=${1}>
            <${C.Text} as="span" color="fg.muted" fontSize="sm">${column.title}</${C.Text}><${C.Box} textAlign="right" minWidth="0" overflow="hidden">${column.cell(row)}</${C.Box}></${C.Flex}>`)}
        </${C.Box}>`)}</${C.Stack}>`
    : html`<${C.Table.ScrollArea} tabIndex=${0} role="region" aria-label=${caption}><${C.Table.Root} size="sm" striped data-testid=${testid} data-as="table">
        <${C.Table.Caption} captionSide="top" textAlign="left" style=${showCaption ? {} : HIDDEN}>${caption}</${C.Table.Caption}>
        <${C.Table.Header}><${C.Table.Row}>${columns.map((column) => html`<${C.Table.ColumnHeader} key=${column.key} scope="col" whiteSpace="nowrap" ...${column.number ? numbers : {}} ...${sorting(column, sort)}>${head(column, sort, onSort)}</${C.Table.ColumnHeader}>`)}</${C.Table.Row}></${C.Table.Header}>
        <${C.Table.Body}>${rows.map((row, index) => html`<${C.Table.Row} key=${rowKey(row, index)} ...${rowProps(row)}>
          ${columns.map((column) => column.head
            ? html`<${C.Table.Cell} key=${column.key} as="th" scope="row" fontWeight="400" textAlign="left" bg=${index % 2 ? undefined : "bg.muted"}>${column.cell(row)}</${C.Table.Cell}>`
            : html`<${C.Table.Cell} key=${column.key} data-column=${column.key} ...${column.number ? numbers : {}}>${column.cell(row)}</${C.Table.Cell}>`)}
        </${C.Table.Row}>`)}</${C.Table.Body}>
      </${C.Table.Root}></${C.Table.ScrollArea}>`;
  return html`<div ref=${ref}>${shown}</div>`;
}

/** A button whose action is done after a question. */
export function AskFirst({ label, title, question, yes, no, onYes, testid, ...more }) {
  const [isOpen, setOpen] = useState(false);
  const button = (click) => html`<${C.Button} size="xs" variant="outline" onClick=${click} data-testid=${testid} ...${more}>${label}</${C.Button}>`;
  if (!C.Dialog) return button(() => globalThis.confirm(`${title} ${question}`) && onYes());
  return html`${button(() => setOpen(true))}
    <${C.Dialog.Root} open=${isOpen} onOpenChange=${(change) => setOpen(change.open)} role="alertdialog" size="sm" lazyMount unmountOnExit>
      <${C.Portal}><${C.Dialog.Backdrop} /><${C.Dialog.Positioner}><${C.Dialog.Content} data-testid="question">
        <${C.Dialog.Header}><${C.Dialog.Title}>${title}</${C.Dialog.Title}></${C.Dialog.Header}>
        <${C.Dialog.Body}>${question}</${C.Dialog.Body}>
        <${C.Dialog.Footer}>
          <${C.Button} variant="outline" onClick=${() => setOpen(false)} data-testid="question-no">${no}</${C.Button}>
          <${C.Button} colorPalette="failed" onClick=${() => { setOpen(false); onYes(); }} data-testid="question-yes">${yes}</${C.Button}>
        </${C.Dialog.Footer}>
      </${C.Dialog.Content}></${C.Dialog.Positioner}></${C.Portal}>
    </${C.Dialog.Root}>`;
}

/** For screen readers only. */
export const HIDDEN = { position: "absolute", width: 1, height: 1, overflow: "hidden", clipPath: "inset(50%)", whiteSpace: "nowrap" };

function sorting(column, sort) {
  if (!column.sort || !sort) return {};
  return { "aria-sort": sort.column !== column.sort ? "none" : sort.ascending ? "ascending" : "descending" };
}

function head(column, sort, onSort) {
  if (!column.sort || !onSort) return column.title;
  const arrow = sort.column !== column.sort ? "" : sort.ascending ? " ▲" : " ▼";
  return html`<${C.Button} variant="plain" size="xs" px=${0} fontSize="sm" fontWeight="500" onClick=${() => onSort(column.sort)} data-testid=${`sort-${column.sort}`}>${column.title}<span aria-hidden="true">${arrow}</span></${C.Button}>`;
}

/** The errors of a machine's qubits and couplings, which its map shows in colours. */
export function MachineTable({ name, qubits, couplings }) {
  return html`<${AsTable}><${DataTable} caption=${`Qubits of ${name}`} rows=${qubits} rowKey=${(row) => row.qubit} columns=${[
      { key: "qubit", title: "Qubit", head: true, cell: (row) => row.qubit },
      { key: "readout", title: "Readout error", number: true, cell: (row) => number(row.readout_error) },
    ]} /><${DataTable} caption=${`Couplings of ${name}`} rows=${couplings} rowKey=${(row) => row.qubits.join("-")} columns=${[
      { key: "pair", title: "Coupling", head: true, cell: (row) => row.qubits.join("–") },
      { key: "error", title: "Gate error", number: true, cell: (row) => (row.error === null ? "out of service" : number(row.error)) },
    ]} empty="There are none." /></${AsTable}>`;
}

/** The values of a chart as a table, for those who read it. */
export function AsTable({ children, label = "As a table", ...more }) {
  return html`<details data-testid="as-table" ...${more}><${C.Box} as="summary" cursor="pointer" fontSize="sm" color="fg.muted" py=${1}>${label}</${C.Box}>${children}</details>`;
}
