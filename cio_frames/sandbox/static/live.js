// Keeps the counters and charts current while a load runs. Without it the page is whole, and stands still.
"use strict";
const words = new Intl.NumberFormat("en");
const show = (values) => {
  for (const place of document.querySelectorAll("[data-count]")) {
    const value = values[place.dataset.count];
    if (value !== undefined) place.textContent = words.format(value);
  }
  for (const note of document.querySelectorAll("[data-waiting]")) note.hidden = !values.waiting;
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const which = Number(chart.dataset.chart);
    const most = Math.max(...values.recent.map((second) => second[which]));
    document.querySelector(`[data-most="${which}"]`).textContent = words.format(most);
    values.recent.forEach((second, index) => {
      const height = most ? (76 * second[which]) / most : 0;
      const bar = chart.children[index];
      bar.setAttribute("y", 79 - height);
      bar.setAttribute("height", height + 1);
    });
  }
};
const start = () => {
  const source = new EventSource("/live");
  source.onmessage = (message) => show(JSON.parse(message.data));
  // A browser keeps few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => { source.close(); if (!document.hidden) start(); }, { once: true });
};
start();
