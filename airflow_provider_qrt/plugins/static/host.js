// The parts of Airflow's UI that the pages use: React, its router, and Chakra UI's components with Airflow's theme.
import htm from "./vendor/htm.mjs";
import { plainComponents } from "./plain.js";

export const React = globalThis.React;
export const Router = globalThis.ReactRouterDOM;
/** Airflow gives plugins its components since version 3.2. Before, plain ones take their place. */
export const C = globalThis.ChakraUI ?? plainComponents(React);
export const html = htm.bind(React.createElement);
export const { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } = React;

/** Give Airflow a page: it looks for it under the name that the plugin gives it. */
export function register(name, component) {
  globalThis[name] = component;
  globalThis.AirflowPlugin = component;
}

/** Where the pages' routes are, under Airflow's base URL. */
const BASE = new URL("../", import.meta.url);

export function address(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
  const url = new URL(path, BASE);
  url.search = new URLSearchParams(given);
  return url.href;
}

/** The path of a page of Airflow's, as its router wants it: without the base path. */
export function inside(url) {
  const base = new URL(document.baseURI).pathname.replace(/\/$/, "");
  return base && url.startsWith(base) ? url.slice(base.length) : url;
}

/** A part of a path, in the form that Airflow's own links have, so that its tabs show where one is. */
export function segment(name) {
  return encodeURIComponent(name).replaceAll("%3A", ":").replaceAll("%2B", "+");
}

/** Ask the server. Throws an Error whose message is a sentence for the page. */
export async function ask(path, parameters = {}, { body } = {}) {
  let answer;
  const sent = body === undefined ? {} : { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  try {
    answer = await fetch(address(path, parameters), { credentials: "same-origin", cache: "no-store", ...sent });
  } catch {
    throw new Error("Airflow's API server does not answer. This page tries again.");
  }
  if (answer.status === 401) throw new Error("Your login has ended. Reload the page to log in again.");
  let found = null;
  try {
    found = await answer.json();
  } catch {
    throw new Error(`Airflow's API server answered with HTTP ${answer.status}. Its log says why.`);
  }
  if (!answer.ok) {
    throw new Error(typeof found.detail === "string" ? found.detail : "The address of this page has a missing or wrong part.");
  }
  return found;
}

/**
 * What a route answers, asked again as many milliseconds later as `pause` returns, and not while nobody sees the page.
 * What was shown last stays until the new answer is there. `turn` asks at once.
 */
export function useLive(path, parameters, pause = () => 10000) {
  const key = JSON.stringify([path, parameters]);
  const [state, setState] = useState({ key: null, answer: null, error: "" });
  const turnRef = useRef(() => {});
  const pauseRef = useRef(pause);
  pauseRef.current = pause;
  useEffect(() => {
    if (path === null) return undefined;
    let [stopped, timer, running, again] = [false, null, false, false];
    async function turn() {
      clearTimeout(timer);
      if (running) {
        again = true;
        return;
      }
      running = true;
      again = false;
      let wait = 10000;
      try {
        const answer = await ask(path, parameters);
        if (stopped) return;
        setState((before) => (before.key === key && !before.error && same(before.answer, answer) ? before : { key, answer, error: "" }));
        wait = pauseRef.current(answer);
      } catch (error) {
        if (stopped) return;
        setState((before) => ({ key, answer: before.answer, error: error.message }));
      } finally {
        running = false;
      }
      if (stopped) return;
      if (again) turn();
      else if (wait !== null) timer = setTimeout(look, wait);
    }
    function look() {
      if (document.visibilityState === "visible") turn();
    }
    turnRef.current = turn;
    turn();
    document.addEventListener("visibilitychange", look);
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [key]);
  return { answer: state.answer, error: state.error, turn: () => turnRef.current() };
}

/** Draw a page again when the user chooses another time zone in Airflow, or in another tab; counts the changes. */
export function useTimeZone() {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const look = ({ key }) => (key === "timezone" || key === null) && setTurn((before) => before + 1);
    const kinds = ["local-storage", "storage"];
    kinds.forEach((kind) => addEventListener(kind, look));
    return () => kinds.forEach((kind) => removeEventListener(kind, look));
  }, []);
  return turn;
}

function same(one, other) {
  return JSON.stringify({ ...one, now: 0 }) === JSON.stringify({ ...other, now: 0 });
}

/** The width of an element, which may be a narrow panel in a wide window. */
export function useWidth() {
  const ref = useRef(null);
  const [width, setWidth] = useState(1280);
  useLayoutEffect(() => {
    if (!ref.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    observer.observe(ref.current);
    setWidth(ref.current.getBoundingClientRect().width);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
