// A request as a document: what stands at a JSON pointer, and the same with something else there.
//
// Documents are values: nothing here changes the one it is given. What stays empty is left out, so
// whatever a user leaves alone is not sent.
//
// Schedules (`candidates`) are kept as their text, `{json: "[…]"}`: a length of 1.0 is the whole
// horizon, one of 1 is one update, and JavaScript has one number for both.
"use strict";

import { parse as exactly, stringify } from "./workbench-json.js";

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

export const steps = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

const own = (value, step) => (isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined);

export const get = (request, pointer) => steps(pointer).reduce(own, request);

// The request with `value` at `pointer`; `undefined` takes away what is there, and what holds nothing then.
export function put(request, pointer, value) {
  return replaced(request, steps(pointer), value) ?? {};
}

function replaced(value, [step, ...rest], wanted) {
  if (step === undefined) return wanted;
  const before = isObject(value) ? value : {};
  const inner = replaced(own(before, step), rest, wanted);
  const others = Object.entries(before).filter(([name]) => name !== step);
  if (inner === undefined) return others.length ? Object.fromEntries(others) : undefined;
  // In the order in which things were said, so that a line that is changed stays where it is.
  const entries = Object.hasOwn(before, step)
    ? Object.entries(before).map(([name, held]) => [name, name === step ? inner : held])
    : [...others, [step, inner]];
  return Object.fromEntries(entries);
}

// As JSON with a row for each member, as a person would write it.
export function rows(request) {
  const members = Object.entries(request).map(([name, value]) => `  ${JSON.stringify(name)}: ${spaced(value)}`);
  return members.length ? `{\n${members.join(",\n")}\n}` : "{}";
}

export const verbatim = (value) => ({ json: stringify(value) });
export const isVerbatim = (value) => isObject(value) && typeof value.json === "string" && Object.keys(value).length === 1;

function spaced(value) {
  if (isVerbatim(value)) return value.json;
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, held]) => `${JSON.stringify(name)}: ${spaced(held)}`);
  return `{${members.join(", ")}}`;
}

// What JSON says; a whole number with more digits than a browser keeps is an error, as the syntax is.
export function parse(text) {
  const told = JSON.parse(text, (_, value, context) => {
    if (typeof value === "number" && !isExact(context?.source, value)) {
      throw new SyntaxError(`${context.source} has more digits than would be sent`);
    }
    return value;
  });
  if (!isObject(told) || told.candidates === undefined) return told;
  return { ...told, candidates: verbatim(exactly(text).candidates) };
}

export const isExact = (text, value) =>
  !/^[+-]?\d+$/.test(text ?? "") || (Number.isFinite(value) && BigInt(text) === BigInt(value));
