// Times, numbers and money for people.

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${Number(value.toFixed(2))} s`;
  const whole = Math.round(value);
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(value / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${(value / 86400).toFixed(1)} days`;
}

/** A time that is shorter than a millisecond, such as T1. */
export function microseconds(value) {
  return value === null || value === undefined ? "–" : `${Number((value * 1e6).toPrecision(3))} µs`;
}

/** Airflow's own form of a time, in the time zone that the user has chosen in Airflow. */
function moment(value, options) {
  if (Number.isNaN(new Date(value).getTime())) return "–";
  const form = (timeZone) => new Intl.DateTimeFormat("sv-SE", { ...options, timeZone }).format(new Date(value));
  try {
    return form(JSON.parse(localStorage.getItem("timezone")) ?? undefined);
  } catch {
    return form(undefined);
  }
}

const DAY = { year: "numeric", month: "2-digit", day: "2-digit" };
const MINUTE = { hour: "2-digit", minute: "2-digit" };
const SECOND = { ...MINUTE, second: "2-digit" };

export function time(iso) {
  return iso ? moment(iso, { ...DAY, ...SECOND }) : "–";
}

export function day(iso) {
  return iso ? moment(iso, DAY) : "–";
}

export function minute(iso) {
  return moment(iso, MINUTE);
}

export function clock(milliseconds, span) {
  if (span > 2 * 86400000) return moment(milliseconds, DAY);
  return moment(milliseconds, span > 600000 ? MINUTE : SECOND);
}

/** How long ago a moment was, in one unit. */
export function ago(iso, now = Date.now()) {
  if (!iso) return "–";
  const passed = Math.max(0, (now - new Date(iso).getTime()) / 1000);
  if (passed < 90) return `${Math.round(passed)} s ago`;
  if (passed < 5400) return `${Math.round(passed / 60)} min ago`;
  if (passed < 129600) return `${Math.round(passed / 3600)} h ago`;
  return `${Math.round(passed / 86400)} days ago`;
}

export function money(value, currency) {
  if (value === null || value === undefined) return "–";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(value);
  } catch {
    return `${value.toFixed(2)} ${currency}`;
  }
}

export function percent(value) {
  return value === null || value === undefined ? "–" : `${Number((value * 100).toPrecision(3))} %`;
}

/** An error rate with two digits that mean something. */
export function rate(value) {
  if (value === null || value === undefined) return "–";
  return value >= 0.001 ? `${Number((value * 100).toPrecision(2))} %` : value.toExponential(1);
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  return Number.isInteger(value) ? value.toLocaleString() : String(Number(value.toPrecision(4)));
}

export function plusMinus(value, error) {
  if (value === null || value === undefined) return "no value";
  return error === null || error === undefined ? number(value) : `${number(value)} ± ${Number(error.toPrecision(2))}`;
}
