// Bars of counts and values with error bars, as plain SVG; a table beside each holds the same for those who read it.
import { drawn, element } from "./common.js";

const LINE = 20;
const BARS = 420;

function number(value) {
  return Number.isInteger(value) ? value.toLocaleString() : String(Number(value.toPrecision(4)));
}

function labelWidth(labels) {
  return 8 + 7.6 * Math.max(4, ...labels.map((label) => Math.min(label.length, 24)));
}

function short(label) {
  return label.length > 24 ? `${label.slice(0, 11)}…${label.slice(-12)}` : label;
}

/** Horizontal bars: one for each outcome, one for the rest. */
export function histogram(point, what) {
  const rows = point.bars.map(({ label, count }) => ({ label, count, kind: "bar" }));
  if (point.rest) rows.push({ label: `${point.rest.outcomes} others`, count: point.rest.count, kind: "rest" });
  const left = labelWidth(rows.map((row) => row.label));
  const low = Math.min(0, ...rows.map((row) => row.count));
  const high = Math.max(0, ...rows.map((row) => row.count)) || 1;
  const x = (value) => left + ((value - low) / (high - low)) * BARS;
  const most = rows.reduce((best, row) => (row.count > (best?.count ?? -Infinity) ? row : best), null);
  const total = point.total;
  const summary = most ? `${what} of ${point.outcomes} outcomes. The most frequent is ${most.label} with ${number(most.count)}.` : what;
  const chart = drawn("svg", {
    class: "chart", role: "img", "aria-label": summary, "data-testid": "histogram",
    viewBox: `0 0 ${left + BARS + 90} ${rows.length * LINE + 6}`, width: left + BARS + 90, height: rows.length * LINE + 6,
  });
  rows.forEach((row, index) => {
    const y = index * LINE + 3;
    const share = total ? ` (${Number(((row.count / total) * 100).toPrecision(3))} %)` : "";
    chart.append(drawn(
      "g", { "data-testid": row.kind === "bar" ? "bar" : "rest-bar", "data-label": row.label, "data-count": row.count },
      drawn("title", {}, `${row.label}: ${number(row.count)}${share}`),
      drawn("text", { x: left - 6, y: y + 13, "text-anchor": "end", class: "label" }, short(row.label)),
      drawn("rect", {
        class: row.kind, x: Math.min(x(0), x(row.count)), y: y + 1,
        width: Math.max(1, Math.abs(x(row.count) - x(0))), height: LINE - 4,
      }),
      drawn("text", { x: Math.max(x(0), x(row.count)) + 5, y: y + 13 }, number(row.count)),
    ));
  });
  chart.append(drawn("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: rows.length * LINE + 6 }));
  return chart;
}

/** The same as a table. */
export function countsTable(point, caption) {
  const rows = point.bars.map(({ label, count }) =>
    element(
      "tr", { "data-testid": "count-row", "data-label": label, "data-count": count },
      element("th", { scope: "row" }, element("code", {}, label)), element("td", { class: "number" }, number(count)),
    ));
  if (point.rest) {
    rows.push(element(
      "tr", { "data-testid": "rest-row", "data-count": point.rest.count },
      element("th", { scope: "row" }, `${point.rest.outcomes} others`),
      element("td", { class: "number" }, number(point.rest.count)),
    ));
  }
  return table(caption, ["Outcome", "Count"], rows);
}

/** Points with error bars on one common axis. */
export function values(points, what) {
  const known = points.filter((point) => point.value !== null);
  const ends = known.flatMap(({ value, error }) => [value - (error ?? 0), value + (error ?? 0)]);
  const low = Math.min(0, ...ends);
  const high = Math.max(0, ...ends);
  const left = labelWidth(points.map((point) => point.label));
  const x = (value) => left + 8 + (high > low ? (value - low) / (high - low) : 0.5) * BARS;
  const height = points.length * LINE + 26;
  const chart = drawn("svg", {
    class: "chart", role: "img", "data-testid": "values", "aria-label": `${what}: ${points.length} values with errors`,
    viewBox: `0 0 ${left + BARS + 170} ${height}`, width: left + BARS + 170, height,
  });
  chart.append(drawn("line", { class: "axis", x1: x(0), x2: x(0), y1: 0, y2: points.length * LINE + 4 }));
  points.forEach((point, index) => {
    const y = index * LINE + 12;
    const told = point.value === null ? "no value" : plusMinus(point);
    const group = drawn(
      "g", { "data-testid": "value-point", "data-label": point.label, "data-value": point.value, "data-error": point.error },
      drawn("title", {}, `${point.label} ${told}`.trim()),
      drawn("text", { x: left - 6, y: y + 4, "text-anchor": "end", class: "label" }, short(point.label)),
      drawn("text", { x: left + BARS + 24, y: y + 4 }, told),
    );
    if (point.value !== null) {
      if (point.error) {
        const [from, to] = [x(point.value - point.error), x(point.value + point.error)];
        group.append(drawn("path", { class: "error", fill: "none", d: `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8` }));
      }
      group.append(drawn("circle", { class: "point", cx: x(point.value), cy: y, r: 4 }));
    }
    chart.append(group);
  });
  for (const mark of new Set([low, 0, high])) {
    chart.append(drawn("text", { x: x(mark), y: height - 4, "text-anchor": "middle" }, number(mark)));
  }
  return chart;
}

const WIDTH = 620;
const HEIGHT = 220;
const FRAME = { left: 76, right: 12, top: 10, bottom: 30 };

/** The course of a number over the calls of a loop, with error bars where there are errors. */
export function course(points, what, { steps = false } = {}) {
  const ends = points.flatMap(({ value, error }) => [value - (error ?? 0), value + (error ?? 0)]);
  // What adds up begins at nothing.
  const [low, high] = [Math.min(...ends, steps ? 0 : Infinity), Math.max(...ends)];
  const [first, last] = [points[0].call, points[points.length - 1].call];
  const { left, right, top, bottom } = FRAME;
  const x = (call) => left + (last > first ? (call - first) / (last - first) : 0.5) * (WIDTH - left - right);
  const y = (value) => HEIGHT - bottom - (high > low ? (value - low) / (high - low) : 0.5) * (HEIGHT - top - bottom);
  const ending = points[points.length - 1];
  const chart = drawn("svg", {
    class: "chart", role: "img", "data-testid": "course", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT,
    "aria-label": `${what}: ${points.length} calls, the last one ${plusMinus({ value: ending.value, error: ending.error ?? null })}.`,
  });
  chart.append(drawn("path", { class: "axis", fill: "none", d: `M${left} ${top}V${HEIGHT - bottom}H${WIDTH - right}` }));
  for (const mark of new Set([low, high])) {
    chart.append(drawn("text", { x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, number(mark)));
  }
  for (const call of new Set([first, last])) {
    chart.append(drawn("text", { x: x(call), y: HEIGHT - 12, "text-anchor": "middle" }, `call ${call}`));
  }
  const line = points.map(({ call, value }, index) =>
    index === 0 ? `M${x(call)} ${y(value)}` : steps ? `H${x(call)}V${y(value)}` : `L${x(call)} ${y(value)}`);
  chart.append(drawn("path", { class: "course", fill: "none", d: line.join("") }));
  if (steps) return chart;
  for (const { call, value, error } of points) {
    const told = plusMinus({ value, error: error ?? null });
    const group = drawn(
      "g", { "data-testid": "course-point", "data-call": call, "data-value": value, "data-error": error },
      drawn("title", {}, `call ${call}: ${told}`),
    );
    if (error) group.append(drawn("path", { class: "error", fill: "none", d: `M${x(call)} ${y(value - error)}V${y(value + error)}` }));
    group.append(drawn("circle", { class: "point", cx: x(call), cy: y(value), r: points.length > 100 ? 2 : 3.5 }));
    chart.append(group);
  }
  return chart;
}

/** All calls of a loop. */
export function callsTable(calls, caption, job) {
  const rows = calls.map((row) =>
    element(
      "tr", { "data-testid": "call-row", "data-call": row.call },
      element("th", { scope: "row" }, String(row.call)),
      element("td", {}, row.name),
      element("td", { class: row.value === null ? "" : "number" }, row.value === null ? row.shown : plusMinus(row)),
      element("td", { class: "number" }, number(row.spent)),
      element("td", {}, row.jobs.flatMap((id, index) => [index ? ", " : "", job(id)])),
    ));
  const head = ["Call", "Name", "Value", "QPU seconds so far", "Job"];
  return element(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element(
      "table", {}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, rows),
    ),
  );
}

export function valuesTable(points, caption) {
  const rows = points.map((point) =>
    element(
      "tr", { "data-testid": "value-row", "data-label": point.label, "data-value": point.value, "data-error": point.error },
      element("th", { scope: "row" }, element("code", {}, point.label || "value")),
      element("td", { class: "number" }, point.value === null ? "none" : String(point.value)),
      element("td", { class: "number" }, point.error === null ? "–" : String(point.error)),
    ));
  return table(caption, ["Place", "Expectation value", "Standard error"], rows);
}

function plusMinus({ value, error }) {
  return error === null ? number(value) : `${number(value)} ± ${number(error)}`;
}

function table(caption, [first, ...others], rows) {
  const head = element(
    "tr", {}, element("th", { scope: "col" }, first),
    ...others.map((name) => element("th", { scope: "col", class: "number" }, name)),
  );
  return element(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, rows)),
  );
}
