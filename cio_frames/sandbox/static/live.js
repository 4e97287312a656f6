// Updates the counters and charts. Without it the page is complete, but static.
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
const connect = () => {
  const source = new EventSource("/live");
  source.onmessage = (message) => update(JSON.parse(message.data));
  // A browser opens few connections to one server, so a hidden page closes its own.
  document.addEventListener("visibilitychange", () => { source.close(); if (!document.hidden) connect(); }, { once: true });
};
connect();
