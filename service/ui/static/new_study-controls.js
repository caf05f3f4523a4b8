// Controls: what is typed or chosen, as the value that is sent, and back.
//
// An element `data-pointer="/budget/trials" data-kind="integer"` holds the inputs of one place of the
// request. `undefined` is what is left alone. What is no number is sent as it was typed: the service
// says what it wants instead, and here nothing is checked twice.
"use strict";

import { isExact, isObject, isVerbatim, parse, verbatim } from "./new_study-request.js";
import { parse as exactly, stringify } from "./workbench-json.js";

export class Unreadable extends Error {}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function number(text) {
  const plain = text.trim().replaceAll(/(?<=\d)[_,](?=\d{3}(?!\d))/g, "");
  if (!NUMBER.test(plain)) return text.trim();
  const value = Number(plain);
  return Number.isFinite(value) && isExact(plain, value) ? value : text.trim();
}

const shown = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
const input = (holder) => holder.querySelector("input, select, textarea");
const inputs = (holder) => [...holder.querySelectorAll("input")];

// A control of one input, by how its text is read and its value written.
const single = (read, write = shown) => ({
  show: write,
  read(holder) {
    const text = input(holder).value;
    if (!text.trim()) return undefined;
    return "nullable" in holder.dataset && text.trim() === "null" ? null : read(text);
  },
  write(holder, value) {
    input(holder).value = value === null ? ("nullable" in holder.dataset ? "null" : "") : write(value);
  },
});

function numbers(text) {
  if (text.trim().toLowerCase() === "none") return [];
  return text.split(/[\s,;]+/).filter(Boolean).map(number);
}

function json(text) {
  try {
    return parse(text);
  } catch (error) {
    throw new Unreadable(`This is not JSON: ${error.message}`);
  }
}

function schedules(text) {
  try {
    return verbatim(exactly(text));
  } catch (error) {
    throw new Unreadable(`This is not JSON: ${error.message}`);
  }
}

// Local time in the control, a moment with its zone in the request.
const two = (part) => String(part).padStart(2, "0");
function local(text) {
  const at = new Date(text);
  if (typeof text !== "string" || Number.isNaN(at.getTime())) return "";
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

const choice = {
  read: (holder) => (input(holder).value ? JSON.parse(input(holder).value) : undefined),
  write(holder, value) {
    const select = input(holder);
    const wanted = value === undefined ? "" : JSON.stringify(value);
    if (![...select.options].some((option) => option.value === wanted)) {
      select.add(new Option(shown(value), wanted)); // another one than is offered: the service knows
    }
    select.value = wanted;
  },
};

// Two ends; the one that is left empty is the one in grey.
const bounds = {
  read(holder) {
    const ends = inputs(holder);
    if (ends.every((end) => !end.value.trim())) return undefined;
    return ends.map((end) => number(end.value.trim() || end.placeholder));
  },
  write(holder, value) {
    const told = Array.isArray(value) ? value : [];
    inputs(holder).forEach((end, at) => (end.value = shown(told[at])));
  },
};

// Boxes: in the order in which they were ticked. The usual ones are not sent.
export const usualOf = (holder) => JSON.parse(holder.dataset.usual ?? "[]");
const isSame = (some, others) => some.length === others.length && some.every((one) => others.includes(one));

const set = {
  read(holder, before) {
    const boxes = inputs(holder);
    const ticked = boxes.filter((box) => box.checked).map((box) => box.value);
    const offered = new Set(boxes.map((box) => box.value));
    const usual = usualOf(holder);
    const known = Array.isArray(before) ? before : usual;
    const kept = known.filter((one) => ticked.includes(one) || !offered.has(one));
    const chosen = [...kept, ...ticked.filter((one) => !known.includes(one))];
    return isSame(chosen, usual) ? undefined : chosen;
  },
  write(holder, value) {
    const chosen = Array.isArray(value) ? value : usualOf(holder);
    for (const box of inputs(holder)) box.checked = chosen.includes(box.value);
  },
};

const objective = {
  read(holder) {
    const chosen = holder.querySelector("[name=objective]:checked");
    if (!chosen) return undefined;
    return "external" in chosen.dataset ? holder.querySelector("#external-name").value.trim() || undefined : chosen.value;
  },
  write(holder, value) {
    const radios = [...holder.querySelectorAll("[name=objective]")];
    const known = radios.find((radio) => !("external" in radio.dataset) && radio.value === value);
    for (const radio of radios) radio.checked = false;
    if (known) known.checked = true;
    else if (value !== undefined) radios.find((radio) => "external" in radio.dataset).checked = true;
    holder.querySelector("#external-name").value = known ? "" : shown(value);
  },
};

export const KINDS = {
  integer: single(number),
  number: single(number),
  text: single((text) => text.trim()),
  prose: single((text) => text),
  numbers: single(numbers, (value) => (Array.isArray(value) ? (value.length ? value.join(", ") : "none") : shown(value))),
  json: single(json, (value) => (isObject(value) || Array.isArray(value) ? JSON.stringify(value, null, 2) : shown(value))),
  schedules: single(schedules, (value) => (isVerbatim(value) ? stringify(exactly(value.json), 1) : shown(value))),
  moment: single((text) => (Number.isNaN(Date.parse(text)) ? text : new Date(text).toISOString().replace(".000Z", "Z")), local),
  choice,
  bounds,
  set,
  objective,
};

// What holds of a control that is left alone, as the service settled it; its usual words if nobody knows.
export function showDefault(holder, value) {
  const control = input(holder);
  if (holder.dataset.kind === "choice") {
    const [first, ...others] = control.options;
    first.dataset.words ??= first.textContent;
    const found = others.find((option) => option.value === JSON.stringify(value));
    first.textContent = found ? `${found.textContent} (default)` : first.dataset.words;
  } else if (["integer", "number", "numbers"].includes(holder.dataset.kind)) {
    control.dataset.words ??= control.placeholder;
    const isKnown = value !== undefined && value !== null;
    control.placeholder = isKnown ? KINDS[holder.dataset.kind].show(value) : control.dataset.words;
  }
}
