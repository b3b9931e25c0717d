// What a PUB measured: counts, quasi-probabilities, expectation values, and sweeps of them as curves and heat maps.
import { C, html, useState } from "./host.js";
import { AsTable, Choice, DataTable, Figure } from "./parts.js";
import { ColourScale, Plot, counts, curves, heatMap } from "./plots.js";
import { number, plusMinus } from "./words.js";

const TOPS = [8, 16, 32];
const KINDS = { probability: "Probability", quasi: "Quasi-probability", value: "Expectation value" };

export function Pub({ pub, several }) {
  const name = several ? `PUB ${pub.index}` : "Result";
  const isSweep = pub.sweep !== null;
  return html`<${C.Box} mb=${4} data-testid="pub" data-index=${pub.index} data-kind=${pub.kind} minWidth="0">
    <${C.Heading} as="h4" size="sm" mb=${2}>${pub.shots ? `${name}, ${pub.shots.toLocaleString()} shots` : name}</${C.Heading}>
    ${pub.note ? html`<${C.Text} data-testid="pub-note">${pub.note}</${C.Text}>` : null}
    ${isSweep ? html`<${Sweep} sweep=${pub.sweep} name=${name} />` : null}
    ${pub.kind === "values" ? (pub.points.length ? html`<${Values} pub=${pub} name=${name} plotted=${!isSweep} />` : null) : html`<${Counts} pub=${pub} name=${name} isSweep=${isSweep} />`}
    ${pub.more ? html`<${C.Text} color="fg.muted">${`${pub.more.toLocaleString()} more points are in the download.`}</${C.Text}>` : null}
  </${C.Box}>`;
}

/** The values of the parameters at a point, and the observable's name. */
function inWords(asked) {
  const { observable, ...values } = asked ?? {};
  const words = Object.entries(values).slice(0, 4).map(([name, value]) => `${name} = ${typeof value === "number" ? Number(value.toPrecision(4)) : value}`);
  if (Object.keys(values).length > 4) words.push("…");
  return [observable, words.join(", ")].filter(Boolean).join(", ");
}

// Expectation values

function Values({ pub, name, plotted }) {
  const labels = pub.points.map((point) => [point.label, inWords(point.asked)].filter(Boolean).join(" ") || "value");
  const [first] = pub.points;
  return html`
    ${plotted && pub.points.length === 1 ? html`<${Figure} name=${inWords(first.asked) || KINDS.value} testid="single-value">${plusMinus(first.value, first.error)}</${Figure}>` : null}
    ${plotted && pub.points.length > 1 ? html`<${Plot} testid="values" height=${220} data=${pub.points} label=${`${name}: ${pub.points.length} expectation values with errors`}
      config=${curves({ x: pub.points.map((_, index) => index), labels, yTitle: KINDS.value, series: [{ name: KINDS.value, values: pub.points.map((point) => point.value), errors: pub.points.map((point) => point.error), line: false }] })} />` : null}
    <${AsTable} label=${plotted ? undefined : "All points as a table"}><${DataTable} caption=${`Expectation values, ${name}`} testid="values-table" rows=${pub.points} rowKey=${(row) => row.label} rowProps=${(row) => ({ "data-testid": "value-row", "data-label": row.label, "data-value": row.value, "data-error": row.error })} columns=${[
      { key: "place", title: "Place", head: true, cell: (row) => html`<${C.Code}>${row.label || "value"}</${C.Code}>` },
      { key: "asked", title: "Asked", cell: (row) => inWords(row.asked) },
      { key: "value", title: "Expectation value", number: true, cell: (row) => (row.value === null ? "none" : String(row.value)) },
      { key: "error", title: "Standard error", number: true, cell: (row) => (row.error === null ? "–" : String(row.error)) },
    ]} /></${AsTable}>`;
}

// Counts

function Counts({ pub, name, isSweep }) {
  const [place, setPlace] = useState(0);
  const [top, setTop] = useState(16);
  const [logarithmic, setLogarithmic] = useState(false);
  if (!pub.points.length) return null;
  const registers = pub.registers ?? [];
  const all = registers.length ? [...pub.points, ...registers] : pub.points;
  const point = all[Math.min(place, all.length - 1)];
  const what = pub.kind === "quasi" ? "Quasi-probabilities" : "Counts";
  const bars = most(point.bars, top);
  const hidden = point.bars.length - bars.length;
  const rest = [...(point.rest ? [point.rest] : []), ...(hidden ? [{ outcomes: hidden, count: point.bars.filter((bar) => !bars.includes(bar)).reduce((sum, bar) => sum + bar.count, 0) }] : [])];
  const others = rest.length ? { outcomes: rest.reduce((sum, one) => sum + one.outcomes, 0), count: rest.reduce((sum, one) => sum + one.count, 0) } : null;
  const labels = [...bars.map((bar) => bar.label), ...(others ? [`${others.outcomes} others`] : [])];
  const values = [...bars.map((bar) => bar.count), ...(others ? [others.count] : [])];
  const isRegister = registers.includes(point);
  const title = isRegister ? `${name}, register ${point.at}` : point.at ? `${name}, point ${point.at}${inWords(point.asked) ? `: ${inWords(point.asked)}` : ""}` : name;
  return html`<${C.Box} data-testid="point" minWidth="0">
    <${C.Flex} gap=${3} flexWrap="wrap" align="flex-end" mb=${2}>
      ${pub.points.length > 1 ? html`<${Choice} label="Point of the sweep" width="280px" value=${String(place)} onChange=${(value) => setPlace(Number(value))} testid="point-choice">${pub.points.map((one, index) => html`<option key=${index} value=${String(index)}>${`${one.at} ${inWords(one.asked)}`}</option>`)}</${Choice}>` : null}
      ${registers.length ? html`<${Choice} label="Register" width="160px" value=${String(place)} onChange=${(value) => setPlace(Number(value))} testid="register-choice"><option value="0">all</option>${registers.map((one, index) => html`<option key=${one.at} value=${String(index + 1)}>${one.at}</option>`)}</${Choice}>` : null}
      ${point.bars.length > TOPS[0] ? html`<${Choice} label="Outcomes" width="110px" value=${String(top)} onChange=${(value) => setTop(Number(value))} testid="top-choice">${TOPS.map((count) => html`<option key=${count} value=${String(count)}>${`top ${count}`}</option>`)}</${Choice}>` : null}
      ${pub.kind === "counts" ? html`<${C.Text} as="label" fontSize="sm"><input type="checkbox" checked=${logarithmic} onChange=${(event) => setLogarithmic(event.target.checked)} data-testid="logarithmic" /> logarithmic</${C.Text}>` : null}
    </${C.Flex}>
    <${Plot} testid="histogram" height=${isSweep ? 200 : 260} data=${[labels, values, logarithmic]} label=${`${what}, ${title}: ${point.outcomes} outcomes, the most frequent is ${bars.length ? [...bars].sort((one, other) => other.count - one.count)[0].label : "none"}`}
      config=${counts({ labels, sets: [{ name: title, values }], logarithmic })} />
    <${AsTable}><${DataTable} caption=${`${what}, ${title}`} testid="counts-table" rows=${bars} rowKey=${(row) => row.label} rowProps=${(row) => ({ "data-testid": "count-row", "data-label": row.label, "data-count": row.count })} columns=${[
      { key: "label", title: "Outcome", head: true, cell: (row) => html`<${C.Code}>${row.label}</${C.Code}>` },
      { key: "count", title: what, number: true, cell: (row) => number(row.count) },
      { key: "share", title: "Share", number: true, cell: (row) => (point.total ? `${Number(((row.count / point.total) * 100).toPrecision(3))} %` : "–") },
    ]} />${others ? html`<${C.Text} data-testid="rest-row" data-count=${others.count}>${`${others.outcomes} other outcomes: ${number(others.count)}`}</${C.Text}>` : null}</${AsTable}>
  </${C.Box}>`;
}

function most(bars, top) {
  const chosen = new Set([...bars].sort((one, other) => Math.abs(other.count) - Math.abs(one.count)).slice(0, top));
  return bars.filter((bar) => chosen.has(bar));
}

// Sweeps

function Sweep({ sweep, name }) {
  const [chosen, setChosen] = useState(0);
  const title = KINDS[sweep.kind];
  const [first, second] = sweep.axes;
  const series = sweep.series[Math.min(chosen, sweep.series.length - 1)];
  const rows = points(sweep);
  return html`<${C.Box} data-testid="sweep" data-axes=${sweep.axes.length} data-series=${sweep.series.length} mb=${2} minWidth="0">
    ${second && sweep.series.length > 1 ? html`<${Choice} label=${title} width="260px" value=${String(chosen)} onChange=${(value) => setChosen(Number(value))} testid="series-choice">${sweep.series.map((one, index) => html`<option key=${one.name} value=${String(index)}>${one.name}</option>`)}</${Choice}>` : null}
    ${second
      ? html`<${Plot} testid="heat-map" height=${320} data=${[series.name, series.values]} label=${`${title} of ${series.name}, ${name}, over ${second.name} and ${first.name}`} config=${heatMap({ axes: sweep.axes, values: series.values, valueTitle: `${title} of ${series.name}` })} /><${ColourScale} values=${series.values} title=${`${title} of ${series.name}`} />`
      : html`<${Plot} testid="sweep-curves" height=${280} data=${sweep} label=${`${title} of ${sweep.series.map((one) => one.name).join(", ")}, ${name}, over ${first.name}`} config=${curves({ x: first.values, xTitle: first.name, yTitle: title, series: sweep.series })} />`}
    <${AsTable}><${DataTable} caption=${`${title}, ${name}`} testid="sweep-table" rows=${rows.slice(0, MOST_ROWS)} rowKey=${(row) => row.key} rowProps=${(row) => ({ "data-testid": "sweep-row", "data-series": row.name, "data-value": row.value, "data-error": row.error })} columns=${[
      ...sweep.axes.map((axis, index) => ({ key: `axis${index}`, title: axis.name, head: index === 0, cell: (row) => number(row.at[index]) })),
      { key: "name", title: "Series", cell: (row) => html`<${C.Code}>${row.name}</${C.Code}>` },
      { key: "value", title, number: true, cell: (row) => plusMinus(row.value, row.error) },
    ]} />${rows.length > MOST_ROWS ? html`<${C.Text} color="fg.muted">${`${(rows.length - MOST_ROWS).toLocaleString()} more rows are in the download.`}</${C.Text}>` : null}</${AsTable}></${C.Box}>`;
}

const MOST_ROWS = 2000;

function points({ axes, series }) {
  const [first, second] = axes;
  const columns = second?.values.length ?? 1;
  return series.flatMap(({ name, values, errors }) => values.map((value, place) => ({
    key: `${name}/${place}`, name, value, error: errors[place],
    at: second ? [first.values[Math.floor(place / columns)], second.values[place % columns]] : [first.values[place]],
  })));
}

// Two PUBs side by side

export function compared(pubs) {
  const known = pubs.filter((pub) => pub.kind !== "values" && pub.points.length === 1);
  return known.length > 1 ? html`<${Comparison} pubs=${known} />` : null;
}

function Comparison({ pubs }) {
  const [chosen, setChosen] = useState([0, 1]);
  const [left, right] = chosen.map((index) => pubs[Math.min(index, pubs.length - 1)]);
  const shares = [left, right].map((pub) => new Map(pub.points[0].bars.map((bar) => [bar.label, pub.points[0].total ? bar.count / pub.points[0].total : 0])));
  const labels = [...new Set(shares.flatMap((one) => [...one.keys()]))].sort((one, other) => Math.max(...shares.map((share) => share.get(other) ?? 0)) - Math.max(...shares.map((share) => share.get(one) ?? 0))).slice(0, 16).sort();
  const pick = (place) => (value) => setChosen(chosen.map((one, index) => (index === place ? Number(value) : one)));
  return html`<details data-testid="comparison"><${C.Box} as="summary" cursor="pointer" py=${1}>Compare two PUBs</${C.Box}>
    <${C.HStack} gap=${3} mb=${2}>${[0, 1].map((place) => html`<${Choice} key=${place} label=${place ? "with" : "PUB"} width="110px" value=${String(chosen[place])} onChange=${pick(place)} testid=${`compare-${place}`}>${pubs.map((pub, index) => html`<option key=${index} value=${String(index)}>${`PUB ${pub.index}`}</option>`)}</${Choice}>`)}</${C.HStack}>
    <${Plot} testid="comparison-plot" height=${240} data=${[labels, chosen, shares.map((one) => [...one])]} label=${`The shares of outcomes in PUB ${left.index} and PUB ${right.index}`} config=${counts({ labels, sets: [left, right].map((pub, index) => ({ name: `PUB ${pub.index}`, values: labels.map((label) => shares[index].get(label) ?? 0) })) })} />
    <${AsTable}><${DataTable} caption=${`Shares of outcomes in PUB ${left.index} and PUB ${right.index}`} rows=${labels} rowKey=${(row) => row} columns=${[
      { key: "label", title: "Outcome", head: true, cell: (row) => html`<${C.Code}>${row}</${C.Code}>` },
      ...[left, right].map((pub, index) => ({ key: String(index), title: `PUB ${pub.index}`, number: true, cell: (row) => number(shares[index].get(row) ?? 0) })),
    ]} /></${AsTable}></details>`;
}
