"use strict";
// Tables that sort and filter. Without this script they stand as they are.

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const aNumber = /^[<>]?-?[\d,]+(\.\d+)?%?$/;

function asNumber(text) {
  return Number(text.replace(/[<>,%]/g, ""));
}

function compareBy(rows, column) {
  const texts = new Map(rows.map((row) => [row, row.cells[column].textContent.trim()]));
  if ([...texts.values()].every((text) => aNumber.test(text))) {
    const numbers = new Map([...texts].map(([row, text]) => [row, asNumber(text)]));
    return (one, other) => numbers.get(one) - numbers.get(other);
  }
  return (one, other) => collator.compare(texts.get(one), texts.get(other));
}

function sort(table, header) {
  const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", direction);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const compare = compareBy(rows, header.cellIndex);
  rows.sort(direction === "ascending" ? compare : (one, other) => compare(other, one));
  body.append(...rows);
}

function makeSortable(table) {
  for (const header of table.tHead.querySelectorAll("th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
    header.setAttribute("aria-sort", "none");
  }
}

function makeFilter(tools, table) {
  const input = tools.querySelector("input");
  const output = tools.querySelector("output");
  const texts = new Map([...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]));
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let matching = 0;
    for (const [row, text] of texts) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) matching += 1;
    }
    const all = texts.size.toLocaleString("en");
    output.value = input.value.trim() ? `${matching.toLocaleString("en")} of ${all} match` : "";
  });
  tools.hidden = false;
}

for (const table of document.querySelectorAll("table.works")) {
  makeSortable(table);
  const tools = table.parentElement.previousElementSibling;
  if (tools?.matches(".filter")) makeFilter(tools, table);
}
