// Uploading a table: its progress, its end, and row by row what is wrong with it.
"use strict";

const form = document.getElementById("upload");
const file = document.getElementById("file");
const drop = document.getElementById("drop");
const kind = document.getElementById("kind");
const name = document.getElementById("name");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const progress = document.getElementById("progress");
const told = document.getElementById("told");
const bar = document.getElementById("bar");
const wrong = document.getElementById("wrong");
const TYPES = { csv: "text/csv", gz: "application/gzip" };
const PARQUET = "application/vnd.apache.parquet";
const MIB = 2 ** 20;
const HEADER_BYTES = 4096;

let chosen = null;
let request = null;

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function sized(bytes) {
  const [unit, length] = [["MiB", MIB], ["KiB", 1024]].find(([, length]) => bytes >= length) ?? ["bytes", 1];
  return `${Number((bytes / length).toPrecision(3))} ${unit}`;
}

async function choose(one) {
  chosen = one;
  const words = document.getElementById("picked");
  words.textContent = one ? `${one.name}, ${sized(one.size)}` : "or drop one here";
  words.classList.toggle("has", Boolean(one));
  send.disabled = !one;
  wrong.hidden = true;
  if (!one) return;
  name.placeholder = one.name;
  const most = Number(form.dataset.most);
  if (one.size > most * MIB) {
    send.disabled = true;
    return tell(`The file is larger than ${most.toLocaleString("en")} MiB.`);
  }
  if (one.name.toLowerCase().endsWith(".csv")) await guess(one);
}

// What its header says; who knows better chooses.
async function guess(one) {
  const header = (await one.slice(0, HEADER_BYTES).text()).split("\n", 1)[0].toLowerCase();
  const isQuotes = header.includes("strike") && (header.includes("expir") || header.includes("iv"));
  kind.value = isQuotes ? "quotes" : "ohlcv";
  explain();
}

function explain() {
  document.getElementById("kind-hint").textContent = kind.selectedOptions[0].dataset.needed;
}

function begin() {
  const query = new URLSearchParams({ kind: kind.value, name: name.value.trim() || chosen.name });
  request = new XMLHttpRequest(); // fetch tells nothing of how much was sent
  request.open("POST", `/v1/datasets?${query}`);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("Content-Type", TYPES[chosen.name.split(".").pop().toLowerCase()] || PARQUET);
  request.upload.addEventListener("progress", (event) => sent(event.loaded, event.total));
  request.upload.addEventListener("load", () => reading());
  request.addEventListener("load", () => answered());
  request.addEventListener("error", () => tell("The connection broke before the upload was complete."));
  request.addEventListener("abort", () => tell("The upload was cancelled; nothing was kept."));
  request.addEventListener("loadend", () => rest());
  send.disabled = true;
  stop.hidden = false;
  progress.hidden = false;
  wrong.hidden = true;
  sent(0, chosen.size);
  request.send(chosen);
}

function sent(loaded, total) {
  bar.value = total ? loaded / total : 0;
  told.textContent = `Sending: ${Math.floor(100 * bar.value)} % of ${sized(total)}`;
}

function reading() {
  bar.removeAttribute("value"); // nobody knows how long it takes
  told.textContent = "Sent. It is being read and checked …";
}

function rest() {
  request = null;
  send.disabled = !chosen;
  stop.hidden = true;
  progress.hidden = true;
}

function answered() {
  let document_ = {};
  try {
    document_ = JSON.parse(request.responseText);
  } catch {
    document_ = { detail: `The server answered ${request.status}.` };
  }
  if (request.status === 401) return location.reload();
  if (request.status >= 300) return tell(document_.detail || document_.title, cells(document_));
  location.assign(`/datasets/${encodeURIComponent(document_.id)}`);
}

const cells = (problem) => (problem.type?.endsWith(":invalid-data") ? problem.errors : []);

// A pointer of a cell names its row and its column.
function place(pointer) {
  const steps = pointer.split("/").slice(1).map((one) => one.replaceAll("~1", "/").replaceAll("~0", "~"));
  return [(steps[0] || "").replaceAll("_", " "), steps[1] || ""];
}

function tell(words, found = []) {
  wrong.hidden = false;
  wrong.replaceChildren(element("p", words));
  if (!found.length) return;
  const many = found.length === 1 ? "one value" : `${found.length} values`;
  wrong.firstChild.textContent = `The table cannot be used, for ${many}; nothing was kept.`;
  const table = element("table", undefined, { class: "list" });
  const head = element("tr");
  for (const title of ["row", "column", "value", "what is wrong", "allowed"]) head.append(element("th", title, { scope: "col" }));
  table.append(element("thead"));
  table.tHead.append(head);
  const body = table.createTBody();
  for (const one of found) {
    const row = body.insertRow();
    const [line, column] = place(one.pointer);
    row.append(element("th", line, { scope: "row" }));
    const value = one.value === null || one.value === undefined ? "–" : String(one.value);
    for (const text of [column || "–", value, one.detail, one.allowed || "–"]) row.append(element("td", text));
  }
  const box = element("div", undefined, { class: "scroll", tabindex: "0", role: "group", "aria-label": "Values that cannot be used" });
  box.append(table);
  wrong.append(box);
}

file.addEventListener("change", () => choose(file.files[0] || null));
kind.addEventListener("change", explain);
stop.addEventListener("click", () => request?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen && !request) begin();
});
for (const [type, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", isOver);
  });
}
drop.addEventListener("drop", (event) => choose(event.dataTransfer.files[0] || null));
addEventListener("beforeunload", (event) => {
  if (request) event.preventDefault();
});
explain();
