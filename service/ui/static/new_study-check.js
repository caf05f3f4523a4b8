// What a request comes to, as the service tells it: its cost, what to beware of, what is wrong.
"use strict";

import { call } from "./api.js";
import { rows } from "./new_study-request.js";

const $ = (id) => document.getElementById(id);
const count = (number) => Math.round(number).toLocaleString("en");
const FEW_SECONDS = 90;

function element(tag, words, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = words;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A time as people say it, in its largest unit.
function roughly(seconds) {
  if (seconds < FEW_SECONDS) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

// Seconds that an update took in earlier studies of the objective: the middle of them; none if there are none.
export function pace(studies) {
  const known = studies
    .filter((one) => one.state === "completed" && one.started_at && one.finished_at && !one.imported)
    .map((one) => (Date.parse(one.finished_at) - Date.parse(one.started_at)) / 1000 / (one.progress.search_steps + one.progress.evidence_steps))
    .filter((one) => Number.isFinite(one) && one > 0)
    .sort((one, other) => one - other);
  return known.length ? known[Math.floor(known.length / 2)] : undefined;
}

// In few words, for whoever listens, and for the bar of a phone.
function say(words) {
  if ($("short").textContent !== words) $("short").textContent = words;
}

export function showEstimate({ estimate, warnings }, secondsPerUpdate) {
  const updates = estimate.search_steps + estimate.evidence_steps;
  const time = secondsPerUpdate && roughly(secondsPerUpdate * updates);
  const facts = [
    ["trials", count(estimate.trials), "schedules, baselines too"],
    ["runs", count(estimate.runs), "trainings"],
    ["search", count(estimate.search_steps), `updates at most, ${count(estimate.fte)} full trainings`],
    ["evidence", count(estimate.evidence_steps), "updates at most, on fresh seeds"],
  ];
  if (time) facts.push(["time", `up to ${time}`, "at the pace of earlier studies"]);
  const told = element("dl", "", { class: "facts" });
  const note = element("p", "Of the request before, which could be read.", { class: "hint" });
  for (const [name, value, note] of facts) {
    const fact = document.createElement("div");
    const figure = document.createElement("dd");
    figure.append(element("b", value), element("small", note));
    fact.append(element("dt", name), figure);
    told.append(fact);
  }
  $("estimate").replaceChildren(told, note);
  $("estimate").classList.remove("old");
  say(`${count(estimate.runs)} runs${time ? `, up to ${time}` : ""}`);
  $("cautions").hidden = !warnings.length;
  $("cautions").querySelector("ul").replaceChildren(
    ...warnings.map((one) => {
      const line = element("li", ` ${one.message}`);
      line.prepend(element("code", one.code));
      return line;
    }),
  );
}

// The element that a pointer is about: its own, or the one of what it is a part of.
export function holderOf(holders, pointer) {
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = holders.find((holder) => holder.dataset.pointer === at);
    if (found) return found;
  }
  return undefined;
}

function unmark(form) {
  for (const one of form.querySelectorAll("[data-wrong]")) {
    delete one.dataset.wrong;
    one.removeAttribute("aria-invalid");
    const told = (one.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && !id.startsWith("wrong-"));
    if (told.length) one.setAttribute("aria-describedby", told.join(" "));
    else one.removeAttribute("aria-describedby");
  }
  for (const one of form.querySelectorAll(".problem-text[id^=wrong-]")) one.remove();
  for (const one of form.querySelectorAll("details.wrong")) one.classList.remove("wrong");
}

function mark(holder, words, number) {
  const message = element("p", words, { class: "problem-text", id: `wrong-${number}` });
  holder.append(message);
  const controls = holder.querySelectorAll(":scope input:not([type=checkbox], [type=radio]), :scope select, :scope textarea");
  const isGroup = !controls.length || holder.dataset.kind === "objective";
  for (const one of isGroup ? [holder] : controls) {
    one.dataset.wrong = "";
    if (!isGroup) one.setAttribute("aria-invalid", "true"); // of a group there is no such state
    one.setAttribute("aria-describedby", `${one.getAttribute("aria-describedby") ?? ""} ${message.id}`.trim());
  }
  for (let part = holder.closest("details"); part; part = part.parentElement.closest("details")) part.classList.add("wrong");
}

// Opens whatever hides an element, and goes there.
function goTo(holder) {
  for (let part = holder.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  const control = holder.querySelector("input, select, textarea, button");
  holder.scrollIntoView({ block: "center" });
  control?.focus({ preventScroll: true });
}

// What may stand there instead; what does stand there everybody sees.
const sentence = (one) => (one.allowed ? `allowed: ${one.allowed}` : one.detail);

// `errors` as in a problem document: pointer, detail, allowed; `detail` for what is of no field.
export function showProblems(form, holders, errors, detail = "") {
  unmark(form);
  const all = errors.length || !detail ? errors : [{ pointer: "", detail }];
  const box = $("problems");
  box.hidden = !all.length;
  if (!all.length) return;
  box.querySelector("h3").textContent = all.length === 1 ? "One thing has to be changed" : `${all.length} things have to be changed`;
  const lines = all.map((one, number) => {
    const holder = holderOf(holders, one.pointer);
    const line = document.createElement("li");
    if (holder) {
      mark(holder, sentence(one), number);
      const link = element("a", one.pointer.slice(1).replaceAll("/", "."), { href: `#${holder.id || "new-study"}` });
      link.addEventListener("click", (event) => {
        event.preventDefault();
        goTo(holder);
      });
      line.append(link, `: ${sentence(one)}`);
    } else line.textContent = `${one.pointer ? `${one.pointer.slice(1).replaceAll("/", ".")}: ` : ""}${sentence(one)}`;
    return line;
  });
  box.querySelector("ul").replaceChildren(...lines);
  $("estimate").classList.add("old");
  say(box.querySelector("h3").textContent);
}

export const validate = (request, signal) => call("POST", "/v1/studies:validate", request, { signal, stringify: rows });
