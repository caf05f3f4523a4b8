// The list of studies: found as one types, walked without leaving the page, moved many at once.
//
// What narrows the list stands in the address; a link `data-list` changes it. What is chosen stays
// chosen while the list is exchanged, as long as it is shown.
"use strict";

import { ask, call, notify } from "./api.js";
import { look } from "./parts.js";

const TYPING_MS = 250;
const DONE = { pause: "paused", resume: "resumed", stop: "stopped", cancel: "cancelled", delete: "deleted" };
const MEANS = {
  pause: "No run starts any more; those in training finish and count.",
  resume: "The search goes on where it was.",
  stop: "What is in training finishes, then comes the verdict.",
  cancel: "What is in training is dropped, and there will be no verdict.",
  delete: "Trials, curves and verdicts are gone for good.",
};
const MOST_COMPARED = 4;

const form = document.getElementById("find");
const bar = document.getElementById("chosen");
const refused = document.getElementById("refused");
const chosen = new Set();
const boxes = () => [...document.querySelectorAll(".choose input[value]")].filter((one) => one.id !== "all");
const picked = () => boxes().filter((one) => chosen.has(one.value));

// --- finding ------------------------------------------------------------------------------------

let waiting;
let asking = new AbortController();

async function show(address, how) {
  clearTimeout(waiting);
  asking.abort();
  asking = new AbortController();
  history[how](null, "", address);
  const list = document.querySelector("[data-part=list]");
  list?.setAttribute("aria-busy", "true");
  try {
    await look(asking.signal);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(address);
  } finally {
    list?.removeAttribute("aria-busy");
  }
}

function written() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value && !(name === "sort" && value === "newest")) query.append(name, value);
  }
  return query.size ? `/?${query}` : "/";
}

// The fields as the address has them, for whoever goes back or follows a link.
function fill() {
  const query = new URLSearchParams(location.search);
  for (const name of ["q", "objective"]) form.elements[name].value = query.get(name) || "";
  form.elements.sort.value = query.get("sort") || "newest";
}

if (form) {
  form.classList.add("scripted");
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => show(written(), "replaceState"), event.target.id === "q" ? TYPING_MS : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(written(), "replaceState");
  });
  addEventListener("popstate", () => {
    fill();
    show(location.href, "replaceState");
  });
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-list]");
  if (!link || !form || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const isPage = link.closest(".pages") !== null;
  await show(link.href, "pushState");
  fill();
  if (isPage) scrollTo({ top: 0 });
});

// --- choosing -----------------------------------------------------------------------------------

function tell() {
  const found = picked();
  bar.hidden = !found.length;
  document.getElementById("many").textContent = `${found.length} chosen`;
  for (const button of bar.querySelectorAll("[data-verb]")) {
    button.disabled = !found.some((one) => allows(one, button.dataset.verb));
  }
  const compare = document.getElementById("compare");
  compare.disabled = found.length < 2 || found.length > MOST_COMPARED;
  compare.title = compare.disabled ? `Choose two to ${MOST_COMPARED} studies` : "";
  const all = document.getElementById("all");
  if (!all) return;
  all.checked = found.length > 0 && found.length === boxes().length;
  all.indeterminate = found.length > 0 && !all.checked;
}

function restore() {
  if (!form && !document.querySelector(".welcome")) return location.reload(); // the first study came
  const shown = new Set(boxes().map((one) => one.value));
  for (const one of chosen) if (!shown.has(one)) chosen.delete(one);
  for (const box of boxes()) box.checked = chosen.has(box.value);
  if (bar) tell();
}

const allows = (box, verb) => box.dataset.calls.split(" ").includes(verb);
const counted = (many) => `${many} ${many === 1 ? "study" : "studies"}`;

document.addEventListener("change", (event) => {
  if (!event.target.closest(".choose")) return;
  const changed = event.target.id === "all" ? boxes() : [event.target];
  for (const box of changed) {
    box.checked = event.target.checked;
    if (box.checked) chosen.add(box.value);
    else chosen.delete(box.value);
  }
  tell();
});

// --- moving -------------------------------------------------------------------------------------

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function question(verb, able, others) {
  const names = able.length === 1 ? `“${able[0].dataset.name}”` : counted(able.length);
  const states = [...new Set(others.map((one) => one.dataset.state))].join(" or ");
  const rest = others.length ? ` Not ${counted(others.length)} of your choice: ${states}.` : "";
  return `${capital(verb)} ${names}? ${MEANS[verb]}${rest}`;
}

async function move(verb) {
  const able = picked().filter((one) => allows(one, verb));
  const others = picked().filter((one) => !allows(one, verb));
  if (!able.length || !(await ask(question(verb, able, others), capital(verb)))) return;
  bar.setAttribute("aria-busy", "true");
  const [method, suffix] = verb === "delete" ? ["DELETE", ""] : ["POST", `:${verb}`];
  const troubles = [];
  for (const box of able) {
    try {
      await call(method, `/v1/studies/${encodeURIComponent(box.value)}${suffix}`);
      chosen.delete(box.value);
    } catch (error) {
      if (error.status === 401) return location.reload();
      troubles.push([box.dataset.name, error.message]);
    }
  }
  bar.removeAttribute("aria-busy");
  say(verb, able.length - troubles.length, troubles);
  await look().catch(() => undefined);
}

function say(verb, many, troubles) {
  if (many) notify(`${counted(many)} ${DONE[verb]}.`);
  refused.hidden = !troubles.length;
  refused.replaceChildren();
  if (!troubles.length) return;
  const words = document.createElement("p");
  words.textContent = `${counted(troubles.length)} could not be ${DONE[verb]}:`;
  const list = document.createElement("ul");
  for (const [name, why] of troubles) {
    const item = document.createElement("li");
    const title = document.createElement("b");
    title.textContent = name;
    item.append(title, ` ${why}`);
    list.append(item);
  }
  const close = document.createElement("button");
  close.type = "button";
  close.className = "quiet";
  close.textContent = "Close";
  close.addEventListener("click", () => (refused.hidden = true));
  refused.append(words, list, close);
}

bar?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || bar.getAttribute("aria-busy")) return;
  if (button.dataset.verb) return move(button.dataset.verb);
  if (button.id === "compare") {
    const query = new URLSearchParams(picked().map((one) => ["study", one.value]));
    return location.assign(`/compare?${query}`);
  }
  chosen.clear();
  restore();
  document.getElementById("all")?.focus();
});

document.addEventListener("glideslope:refresh", restore);
document.documentElement.classList.add("scripted");
for (const box of boxes()) box.checked = false; // a browser may have kept them
