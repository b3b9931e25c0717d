// Plots, drawn by Chart.js in the colours of Airflow's theme. A table beside each holds the same for screen readers.
import { C, html, useEffect, useRef, useState } from "./host.js";
import { clock, number, plusMinus } from "./words.js";

const SERIES = ["blue-500", "orange-500", "teal-500", "purple-500", "pink-500", "cyan-600", "green-600", "yellow-600", "red-500"];
/** From high to low, told apart by brightness too (viridis). */
const SCALE = ["#fde725", "#addc30", "#5ec962", "#28ae80", "#21918c", "#2c728e", "#3b528b", "#472d7b", "#440154"];

let loading = null;
/** Load Chart.js and its extensions once, when a page draws its first plot. */
function library() {
  loading ??= import("./vendor/chart.js").then(async () => {
    await import("./vendor/chartjs-chart-error-bars.js");
    await import("./vendor/chartjs-chart-matrix.js");
    const { Chart, ChartErrorBars: errors } = globalThis;
    Chart.register(errors.LineWithErrorBarsController, errors.PointWithErrorBar);
    return Chart;
  });
  return loading;
}

/** A colour of the theme as Chart.js can mix it. */
function mixable(css) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d");
  pen.fillStyle = css || "#888";
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pen.getImageData(0, 0, 1, 1).data;
  return `rgb(${red}, ${green}, ${blue})`;
}

function theme() {
  const style = getComputedStyle(document.documentElement);
  const token = (name, other) => mixable(style.getPropertyValue(`--chakra-colors-${name}`).trim() || other);
  return {
    fg: token("fg", "#1a202c"), muted: token("fg-muted", "#4a5568"), grid: token("border", "#d5dbe5"), bg: token("bg", "#ffffff"),
    series: SERIES.map((name) => token(name, "#2f6bc4")),
    states: {
      Queued: token("queued-solid", "#57534e"), Running: token("running-solid", "#0891b2"), Completed: token("success-solid", "#15803d"),
      Failed: token("failed-solid", "#dc2626"), Cancelled: token("skipped-solid", "#db2777"),
    },
    font: style.getPropertyValue("--chakra-fonts-body") || "sans-serif",
  };
}

/** The theme, read again when it changes. */
function useTheme() {
  const [found, setFound] = useState(theme);
  useEffect(() => {
    const observer = new MutationObserver(() => setFound(theme()));
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "style", "data-theme"] });
    return () => observer.disconnect();
  }, []);
  return found;
}

/** A plot. `config` makes Chart.js's configuration of a theme; `label` says in words what is seen. */
export function Plot({ config, label, height = 260, testid = "plot", data }) {
  const canvas = useRef(null);
  const colours = useTheme();
  const key = JSON.stringify(data ?? null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let [chart, gone] = [null, false];
    library().then((Chart) => {
      if (gone || !canvas.current) return;
      const made = config(colours);
      chart = new Chart(canvas.current, { ...made, options: { ...base(colours), ...made.options } });
      canvas.current.dataset.drawn = "yes";
    }).catch(() => setFailed(true));
    return () => {
      gone = true;
      chart?.destroy();
    };
  }, [key, colours]);
  if (failed) return html`<${C.Text} color="fg.muted">The plot could not be drawn. The table has its values.</${C.Text}>`;
  return html`<${C.Box} position="relative" height=${`${height}px`} width="100%" minWidth="0" overflow="hidden"><canvas ref=${canvas} style=${{ maxWidth: "100%" }} role="img" aria-label=${label} data-testid=${testid}></canvas></${C.Box}>`;
}

function base(colours) {
  return {
    animation: false, responsive: true, maintainAspectRatio: false, color: colours.fg, borderColor: colours.grid,
    font: { family: colours.font }, interaction: { mode: "nearest", intersect: true },
    plugins: { legend: { display: false } },
  };
}

function axis(colours, title, more = {}) {
  return {
    title: { display: Boolean(title), text: title, color: colours.muted },
    ticks: { color: colours.muted, ...more.ticks }, grid: { color: colours.grid }, border: { color: colours.grid },
    ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "ticks")),
  };
}

function legend(colours, display = true) {
  return { display, position: "top", align: "start", labels: { color: colours.fg, boxWidth: 12, boxHeight: 12 } };
}

/** QPU seconds of each day, stacked by DAG. */
export function stackedDays({ days, series }) {
  return (colours) => ({
    type: "bar",
    data: {
      labels: days.map((one) => new Date(`${one}T12:00:00`).toLocaleDateString(undefined, { month: "short", day: "numeric" })),
      datasets: series.map(({ name, seconds }, index) => ({ label: name, data: seconds, backgroundColor: colours.series[index % colours.series.length], maxBarThickness: 36 })),
    },
    options: {
      plugins: { legend: legend(colours) },
      scales: { x: axis(colours, "", { stacked: true }), y: axis(colours, "QPU seconds", { stacked: true, beginAtZero: true, grace: "5%" }) },
    },
  });
}

/** Counts as bars: of one PUB, or of two beside each other. */
export function counts({ labels, sets, logarithmic }) {
  return (colours) => ({
    type: "bar",
    data: { labels, datasets: sets.map(({ name, values }, index) => ({ label: name, data: values, backgroundColor: colours.series[index], maxBarThickness: 40 })) },
    options: {
      plugins: { legend: legend(colours, sets.length > 1) },
      scales: {
        x: axis(colours, "", { ticks: { font: { family: "monospace" }, autoSkip: false, maxRotation: 90, minRotation: labels.some((one) => one.length > 6) ? 60 : 0 } }),
        y: axis(colours, "", { type: logarithmic ? "logarithmic" : "linear", beginAtZero: !logarithmic }),
      },
    },
  });
}

/** Curves with error bars. A value that is not there is a gap. */
export function curves({ x, series, xTitle, yTitle, labels, onPick, hasLegend = series.length > 1, yWidth }) {
  return (colours) => ({
    type: "lineWithErrorBars",
    data: {
      datasets: series.map(({ name, values, errors, colour, line = true, marks }, index) => ({
        label: name, showLine: line, spanGaps: false, tension: 0,
        borderColor: colours.series[(colour ?? index) % colours.series.length], backgroundColor: colours.series[(colour ?? index) % colours.series.length],
        errorBarColor: colours.muted, errorBarWhiskerColor: colours.muted, errorBarWhiskerSize: x.length > 40 ? 0 : 5, errorBarLineWidth: 1, borderWidth: 1.5, pointRadius: x.length > 60 ? 1.5 : 3,
        pointStyle: marks ?? "circle",
        data: values.map((y, place) => ({ x: x[place], y, yMin: bound(y, errors?.[place], -1), yMax: bound(y, errors?.[place], 1) })),
      })),
    },
    options: {
      onClick: (_event, found) => found.length && onPick?.(found[0].index, found[0].datasetIndex),
      plugins: {
        legend: legend(colours, hasLegend),
        tooltip: { callbacks: {
          title: ([item]) => (labels ? labels[item.dataIndex] : number(item.parsed.x)),
          label: (item) => `${item.dataset.label}: ${plusMinus(item.raw.y, item.raw.yMax === undefined ? null : item.raw.yMax - item.raw.y)}`,
        } },
      },
      scales: {
        x: axis(colours, xTitle, { type: "linear", ticks: labels ? { callback: (value) => short(labels[Math.round(value)] ?? ""), stepSize: 1, maxTicksLimit: 10, precision: 0 } : {} }),
        // Plots above each other have one left edge.
        y: axis(colours, yTitle, yWidth ? { afterFit: (scale) => { scale.width = yWidth; } } : {}),
      },
    },
  });
}

function bound(value, error, sign) {
  return value === null || error === null || error === undefined ? undefined : value + sign * error;
}

function short(text) {
  return text.length > 18 ? `${text.slice(0, 17)}…` : text;
}

/** Values in a plane of two parameters. */
export function heatMap({ axes: [rows, columns], values, valueTitle }) {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return (colours) => ({
    type: "matrix",
    data: { datasets: [{
      label: valueTitle, borderWidth: 0,
      data: values.map((value, place) => ({ x: place % columns.values.length, y: Math.floor(place / columns.values.length), v: value })),
      backgroundColor: ({ raw }) => (raw && raw.v !== null ? onScale(raw.v, low, high) : colours.grid),
      width: ({ chart }) => (chart.chartArea?.width ?? 0) / columns.values.length + 0.5,
      height: ({ chart }) => (chart.chartArea?.height ?? 0) / rows.values.length + 0.5,
    }] },
    options: {
      plugins: { legend: { display: false }, tooltip: { callbacks: {
        title: () => "",
        label: ({ raw }) => [`${columns.name} = ${number(columns.values[raw.x])}, ${rows.name} = ${number(rows.values[raw.y])}`, `${valueTitle}: ${number(raw.v)}`],
      } } },
      scales: {
        x: axis(colours, columns.name, { type: "linear", min: -0.5, max: columns.values.length - 0.5, offset: false, grid: { display: false }, ticks: { callback: (value) => named(columns.values[value]), precision: 0 } }),
        y: axis(colours, rows.name, { type: "linear", min: -0.5, max: rows.values.length - 0.5, offset: false, reverse: false, grid: { display: false }, ticks: { callback: (value) => named(rows.values[value]), precision: 0 } }),
      },
    },
  });
}

/** The colours of a heat map, from its lowest value to its highest. */
export function ColourScale({ values, title }) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  return html`<${C.HStack} gap=${2} fontSize="sm" color="fg.muted" data-testid="colour-scale"><span>${number(Math.min(...known))}</span>
    <${C.Box} width="160px" height="10px" borderRadius="sm" style=${{ background: `linear-gradient(to right, ${[...SCALE].reverse().join(", ")})` }} />
    <span>${number(Math.max(...known))}</span><span>${title}</span></${C.HStack}>`;
}

/** The value at a place of an axis; nothing between two places. */
function named(value) {
  return value === undefined ? "" : number(value);
}

/** The colour of a value: dark where it is low, bright where it is high. */
export function onScale(value, low, high) {
  const place = (high > low ? Math.min(1, Math.max(0, (high - value) / (high - low))) : 0.5) * (SCALE.length - 1);
  const [before, after] = [SCALE[Math.floor(place)], SCALE[Math.ceil(place)]];
  const mixed = [1, 3, 5].map((at) => {
    const [one, other] = [before, after].map((colour) => parseInt(colour.slice(at, at + 2), 16));
    return Math.round(one + (other - one) * (place % 1));
  });
  return `rgb(${mixed.join(", ")})`;
}

/** A colour of the theme, so light that what stands beside it is seen first. */
function faint(colour) {
  return colour.replace("rgb(", "rgba(").replace(")", ", 0.35)");
}

/** When each job waited and ran. */
export function gantt(bars, now) {
  const moment = (iso) => (iso ? new Date(iso).getTime() : null);
  const begun = Math.min(...bars.map((bar) => moment(bar.created) ?? now));
  const ended = Math.max(...bars.map((bar) => moment(bar.finished) ?? now), begun + 1000);
  return (colours) => ({
    type: "bar",
    data: {
      labels: bars.map((bar) => bar.name),
      datasets: [
        { label: "in the queue", data: bars.map((bar) => [moment(bar.created) ?? now, moment(bar.running) ?? moment(bar.finished) ?? (bar.state === "Queued" ? now : moment(bar.created) ?? now)]), backgroundColor: faint(colours.states.Queued), grouped: false, barThickness: 12 },
        { label: "running", data: bars.map((bar) => (bar.running ? [moment(bar.running), moment(bar.finished) ?? now] : null)), backgroundColor: bars.map((bar) => colours.states[bar.state] ?? colours.states.Running), grouped: false, barThickness: 12 },
      ],
    },
    options: {
      indexAxis: "y",
      plugins: { legend: { display: false }, tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${((item.raw[1] - item.raw[0]) / 1000).toFixed(1)} s` } } },
      scales: {
        x: axis(colours, "", { type: "linear", min: begun, max: ended + (ended - begun) * 0.02, ticks: { callback: (value) => clock(value, ended - begun), maxTicksLimit: 7 } }),
        y: axis(colours, "", { grid: { display: false }, ticks: { autoSkip: true } }),
      },
    },
  });
}

/** A line without axes, for a small history. */
export function spark(values) {
  return (colours) => ({
    type: "line",
    data: { labels: values.map((_, index) => index), datasets: [{ data: values, borderColor: colours.series[0], borderWidth: 1.5, pointRadius: 0, tension: 0, spanGaps: true }] },
    options: { plugins: { legend: { display: false }, tooltip: { enabled: false } }, scales: { x: { display: false }, y: { display: false, beginAtZero: false } }, layout: { padding: 2 } },
  });
}

/** The colour of an error between the logarithms of the least and the most: bright where it is small. */
function good(error, least, most) {
  return onScale(-Math.log(error), -most, -least);
}

/** A machine's qubits and couplings, coloured by their errors; those in `used` are ringed. */
export function machineMap({ qubits, couplings, used }) {
  const place = new Map(qubits.map((one) => [one.qubit, one]));
  const errors = couplings.map((one) => one.error).filter((one) => one !== null && one > 0);
  const [low, high] = errors.length ? [Math.log(Math.min(...errors)), Math.log(Math.max(...errors))] : [0, 1];
  const readouts = qubits.map((one) => one.readout_error).filter((one) => one !== null && one > 0);
  const [least, most] = readouts.length ? [Math.log(Math.min(...readouts)), Math.log(Math.max(...readouts))] : [0, 1];
  const marked = new Set(used);
  return (colours) => ({
    type: "scatter",
    data: { datasets: [{
      data: qubits.map((one) => ({ x: one.x, y: 1 - one.y, qubit: one })),
      pointRadius: qubits.map((one) => (marked.has(one.qubit) ? 8 : 5)),
      pointBackgroundColor: qubits.map((one) => (one.readout_error > 0 ? good(one.readout_error, least, most) : colours.grid)),
      pointBorderColor: qubits.map((one) => (marked.has(one.qubit) ? colours.fg : colours.muted)),
      pointBorderWidth: qubits.map((one) => (marked.has(one.qubit) ? 3 : 1)),
    }] },
    plugins: [{
      id: "couplings",
      beforeDatasetsDraw(chart) {
        const pen = chart.ctx;
        for (const { qubits: [one, other], error } of couplings) {
          const [from, to] = [place.get(one), place.get(other)];
          if (!from || !to) continue;
          pen.save();
          pen.strokeStyle = error > 0 ? good(error, low, high) : colours.grid;
          pen.lineWidth = marked.has(one) && marked.has(other) ? 5 : 2.5;
          if (error === null) pen.setLineDash([3, 3]);
          pen.beginPath();
          pen.moveTo(chart.scales.x.getPixelForValue(from.x), chart.scales.y.getPixelForValue(1 - from.y));
          pen.lineTo(chart.scales.x.getPixelForValue(to.x), chart.scales.y.getPixelForValue(1 - to.y));
          pen.stroke();
          pen.restore();
        }
      },
    }],
    options: {
      layout: { padding: 8 },
      plugins: { legend: { display: false }, tooltip: { callbacks: { label: ({ raw: { qubit } }) => `qubit ${qubit.qubit}: readout error ${number(qubit.readout_error)}` } } },
      scales: { x: { display: false }, y: { display: false } },
    },
  });
}
