// Updates the counters, charts and tables. Without it the page is complete, but static.
"use strict";
const numberFormat = new Intl.NumberFormat("en");
const update = (values) => {
  for (const element of document.querySelectorAll("[data-count]")) {
    const value = values[element.dataset.count];
    if (value !== undefined) element.textContent = numberFormat.format(value);
  }
  for (const card of document.querySelectorAll("[data-alert]")) card.classList.toggle("alert", values.problems > 0);
  for (const note of document.querySelectorAll("[data-waiting]")) note.hidden = !values.waiting;
  const isIdle = values.recent.every((second) => !second[0]);
  for (const traffic of document.querySelectorAll("[data-traffic]")) traffic.hidden = isIdle;
  for (const note of document.querySelectorAll("[data-idle]")) note.hidden = !isIdle || !values.requests;
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const series = Number(chart.dataset.chart);
    const maximum = Math.max(...values.recent.map((second) => second[series]));
    document.querySelector(`[data-maximum="${series}"]`).textContent = numberFormat.format(maximum);
    values.recent.forEach((second, index) => {
      const height = maximum ? (76 * second[series]) / maximum : 0;
      const bar = chart.children[index];
      bar.setAttribute("y", 79 - height);
      bar.setAttribute("height", height + 1);
    });
  }
};

// Tables: the page is fetched again, and parts that differ are replaced, unless somebody is reading one of them.
const main = document.querySelector("main");
const note = document.querySelector("[data-newer]");
const liveParts = [...document.querySelectorAll("[data-live]")].map((part) => part.id);
const hasNewestRows = !/[?&](before|start)=/.test(location.search);
let shownCounts = JSON.stringify(JSON.parse(main.dataset.counts));
let fetchedPage = null;
let isFetching = false;
let nextFetch = 0;
let pointerMoved = -Infinity;
document.addEventListener("pointermove", () => { pointerMoved = performance.now(); }, { passive: true });
const isRead = (part) => {
  const selection = getSelection();
  return part.getBoundingClientRect().top < 0 || part.contains(document.activeElement) || part.querySelector("details[open]")
    || (part.matches(":hover") && performance.now() - pointerMoved < 5000)
    || (!selection.isCollapsed && selection.containsNode(part, true))
    || [...part.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
};
const fetchPage = async (counts) => {
  const started = performance.now();
  isFetching = true;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      fetchedPage = new DOMParser().parseFromString(await response.text(), "text/html");
      shownCounts = counts;
    }
  } catch { /* The sandbox stopped: the page stays as it is. */ }
  isFetching = false;
  // A page that is slow to make is made less often.
  nextFetch = performance.now() + Math.max(1000, 10 * (performance.now() - started));
};
const changedParts = () => liveParts
  .map((id) => [document.getElementById(id), fetchedPage.getElementById(id)])
  .filter(([part, newer]) => newer && part.innerHTML !== newer.innerHTML);
const showChanges = () => {
  for (const [part, newer] of changedParts()) part.replaceWith(newer);
  fetchedPage = null;
  note.replaceChildren();
};
const offerChanges = () => {
  if (note.hasChildNodes()) return;
  const button = document.createElement("button");
  button.textContent = "Show";
  button.addEventListener("click", () => { showChanges(); main.tabIndex = -1; main.focus(); });
  note.append("There are newer rows. ", button);
};
const follow = ({ recent, waiting, ...counts }) => {
  if (!liveParts.length || !hasNewestRows) return;
  const text = JSON.stringify({ ...JSON.parse(shownCounts), ...counts });
  if (text !== shownCounts && !isFetching && performance.now() > nextFetch) fetchPage(text);
  if (!fetchedPage) return;
  const isAnyRead = liveParts.some((id) => isRead(document.getElementById(id)));
  if (isAnyRead && changedParts().length) offerChanges();
  else showChanges();
};
// On a phone the tables are a row that scrolls.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
const connect = () => {
  const source = new EventSource("/live");
  source.onmessage = (message) => {
    const values = JSON.parse(message.data);
    update(values);
    follow(values);
  };
  // A browser opens few connections to one server, so a hidden page closes its own.
  document.addEventListener("visibilitychange", () => { source.close(); if (!document.hidden) connect(); }, { once: true });
};
connect();
