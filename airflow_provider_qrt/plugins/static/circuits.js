// The circuits of a task: as they were written, as they were sent, and where they sit on the machine.
import { C, ask, html, useEffect, useState } from "./host.js";
import { Loading, MachineTable } from "./parts.js";
import { Plot, machineMap } from "./plots.js";

/** Ask until a route has its answer, which may take the server some seconds. */
function useSettled(path, parameters, isOpen, isSettled) {
  const [found, setFound] = useState(null);
  const key = JSON.stringify([path, parameters]);
  useEffect(() => {
    if (!isOpen) return undefined;
    let [stopped, timer] = [false, null];
    async function turn() {
      try {
        const answer = await ask(path, parameters);
        if (stopped) return;
        setFound(answer);
        if (!isSettled(answer)) timer = setTimeout(turn, 1000);
      } catch (error) {
        if (!stopped) setFound({ state: "none", text: error.message, problem: error.message, circuits: [] });
      }
    }
    turn();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [key, isOpen]);
  return found;
}

const isDrawn = (answer) => answer.state !== "drawing";
const isRead = (answer) => answer.state !== "reading";

export function Circuits({ task, about }) {
  const jobs = task.jobs.filter((job) => job.state && !job.note);
  return html`${task.circuits.map((circuit, index) => html`<${Written} key=${index} circuit=${circuit} index=${index} several=${task.circuits.length > 1} about=${about} />`)}
    ${jobs.slice(0, 1).map((job) => html`<${Sent} key=${job.id} job=${job} about=${about} />`)}`;
}

function Fold({ title, testid, children, ...more }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details data-testid=${testid} onToggle=${(event) => setOpen(event.currentTarget.open)} ...${more}>
    <${C.Box} as="summary" cursor="pointer" py=${1}>${title}</${C.Box}>${isOpen ? children() : null}</details>`;
}

function Source({ title, text, testid }) {
  return html`<${C.Box} as="pre" tabIndex=${0} role="region" aria-label=${title} overflow="auto" maxHeight="30rem" bg="bg.muted" p=${3} borderRadius="md" fontSize="xs" lineHeight="1.25" fontFamily="mono" data-testid=${testid}>${text}</${C.Box}>`;
}

function Written({ circuit, index, several, about }) {
  const title = several ? `Circuit ${index}` : "Circuit";
  if (circuit.text === null) {
    const why = circuit.cut
      ? "Its source is longer than what Airflow keeps of a task's fields ([core] max_templated_field_length)."
      : "It was given as a Qiskit object, of which Airflow keeps no source.";
    return html`<${C.Text} color="fg.muted" fontSize="sm" data-testid="circuit-note">${`${title} as written: ${why}`}</${C.Text}>`;
  }
  return html`<${Fold} title=${`${title} as written`} testid="circuit" data-index=${index}>${() => html`
    <${Drawing} path="api/result/drawing" parameters=${{ ...about, index }} title=${title} />
    <${Source} title=${`${title}: OpenQASM source`} text=${circuit.text} testid="circuit-source" />`}</${Fold}>`;
}

function Drawing({ path, parameters, title, about }) {
  const found = useSettled(path, parameters, true, isDrawn);
  if (!found || found.state === "drawing") return html`<${Loading} lines=${3} what=${`the drawing of ${title}`} />`;
  const { facts = {} } = found;
  return html`
    ${facts.depth === undefined ? null : html`<${C.Text} data-testid="circuit-facts" data-depth=${facts.depth}>${`Depth ${facts.depth}, ${facts.operations.toLocaleString()} operations on ${facts.qubits.length} qubits: ${Object.entries(facts.gates).map(([name, count]) => `${count.toLocaleString()} ${name}`).join(", ")}`}</${C.Text}>`}
    ${found.state === "drawn" ? html`<${Source} title=${`${title}, drawn`} text=${found.text} testid="drawing" />` : html`<${C.Text} color="fg.muted" data-testid="drawing-note">${found.text}</${C.Text}>`}
    ${about && facts.is_physical && found.backend ? html`<${Placed} about=${about} name=${found.backend} used=${facts.qubits} />` : null}`;
}

function Sent({ job, about }) {
  return html`<${Fold} title="Circuits as sent" testid="sent">${() => html`<${SentList} job=${job} about=${about} />`}</${Fold}>`;
}

function SentList({ job, about }) {
  const where = { ...about, job_id: job.id };
  const found = useSettled("api/result/sent", where, true, isRead);
  const [index, setIndex] = useState(0);
  if (!found || found.state === "reading") return html`<${Loading} lines=${2} what="the input of the job" />`;
  if (!found.circuits.length) return html`<${C.Text} color="fg.muted" data-testid="sent-note">${found.text}</${C.Text}>`;
  const circuit = found.circuits[index];
  const several = found.circuits.length > 1;
  return html`
    ${several ? html`<${C.HStack} gap=${2} my=${2} flexWrap="wrap">${found.circuits.map((_, place) => html`<${C.Button} key=${place} size="xs" variant=${place === index ? "solid" : "outline"} aria-pressed=${place === index} aria-label=${`Circuit ${place}`} onClick=${() => setIndex(place)}>${place}</${C.Button}>`)}</${C.HStack}>` : null}
    <${Drawing} key=${index} path="api/result/sent" parameters=${{ ...where, index }} title=${several ? `Circuit ${index} as sent` : "Circuit as sent"} about=${about} />
    ${circuit.text ? html`<${Source} title="OpenQASM as sent" text=${circuit.text} testid="sent-source" />` : null}`;
}

/** The machine, with the qubits of a circuit ringed. */
function Placed({ about, name, used }) {
  const found = useSettled("api/result/map", { ...about, name }, true, isRead);
  if (!found || found.state === "reading") return html`<${Loading} lines=${3} what=${`the map of ${name}`} />`;
  if (!found.qubits?.length) return html`<${C.Text} color="fg.muted" data-testid="map-note">${found.problem || "The service gives no map of this backend."}</${C.Text}>`;
  const rows = found.qubits.filter((one) => used.includes(one.qubit));
  const pairs = found.couplings.filter(({ qubits }) => qubits.every((one) => used.includes(one)));
  return html`<${C.Box} data-testid="placed" data-used=${used.join(",")}>
    <${C.Text} color="fg.muted" fontSize="sm">${`${name}: the circuit uses the ringed qubits. Bright is good, dark is bad.`}</${C.Text}>
    <${Plot} testid="placed-map" height=${320} data=${[name, used, found.now?.when]} label=${`The map of ${name}, with qubits ${used.join(", ")} ringed`} config=${machineMap({ ...found, used })} />
    <${MachineTable} name=${`${name} that the circuit uses`} qubits=${rows} couplings=${pairs} /></${C.Box}>`;
}
