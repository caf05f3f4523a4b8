// Controls of a form: one for each kind of field, each a row with a label, a slider where there is a
// range, and the number itself.
//
// `change(value, isFinal)` is called with every value; one that is not final may change at once.
import { make, set, short } from "./workbench-dom.js";
import { Whole, fraction, isFraction, parse, stringify } from "./workbench-json.js";

const TICKS = 1000; // places of a slider
let made = 0;

export const words = (name) => name.replaceAll("_", " ");

export function control(field, value, change) {
  const id = `field-${(made += 1)}`;
  const row = make("div", { class: `control ${field.kind}`, "data-field": field.name });
  row.append(make("label", { for: id }, words(field.name)), ...KINDS[field.kind](field, value, change, id));
  if (field.help) {
    row.append(make("p", { class: "hint", id: `${id}-hint` }, field.help));
    row.querySelector(`#${id}`).setAttribute("aria-describedby", `${id}-hint`);
  }
  return row;
}

// Where a value is on a slider, and back.
function place(field, value) {
  const { low, high } = field;
  const part = field.log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.round(TICKS * Math.min(1, Math.max(0, part)));
}

function valueAt(field, tick) {
  const part = tick / TICKS;
  const { low, high } = field;
  const value = field.log ? low * (high / low) ** part : low + part * (high - low);
  if (field.kind === "integer") return Math.round(value);
  return Number(value.toPrecision(field.log ? 3 : 4));
}

function slider(field, value, id, moved) {
  const range = make("input", {
    type: "range",
    min: 0,
    max: TICKS,
    step: 1,
    value: place(field, Number(value)),
    "aria-label": `${words(field.name)}, slider`,
    "aria-valuetext": short(Number(value)),
  });
  const move = (isFinal) => {
    const found = valueAt(field, Number(range.value));
    range.setAttribute("aria-valuetext", short(found));
    moved(found, isFinal);
  };
  range.addEventListener("input", () => move(false));
  range.addEventListener("change", () => move(true));
  range.show = (found) => {
    range.value = place(field, Number(found));
    range.setAttribute("aria-valuetext", short(Number(found)));
  };
  return range;
}

function numberBox(id, value, attributes, typed) {
  const box = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", id, ...attributes });
  box.show = (found) => (box.value = `${Number(found)}`);
  box.show(value);
  const read = (isFinal) => {
    const found = Number(box.value.trim().replace(/(?<=\d)[, ](?=\d{3}\b)/g, ""));
    const isGood = box.value.trim() !== "" && Number.isFinite(found);
    set(box, { "aria-invalid": isGood ? false : "true" });
    if (isGood) typed(found, isFinal);
  };
  box.addEventListener("input", () => read(false));
  box.addEventListener("change", () => read(true));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") read(true);
  });
  return box;
}

function number(field, value, change, id) {
  const range = slider(field, value, id, (found, isFinal) => {
    box.show(found);
    change(found, isFinal);
  });
  const box = numberBox(id, value, {}, (found, isFinal) => {
    range.show(found);
    change(found, isFinal);
  });
  return [range, box];
}

// A length is a part of the horizon or a number of updates; only the first has a slider.
function length(field, value, change, id) {
  const parts = { ...field, kind: "number" };
  const asUpdates = !isFraction(value) && Number(value) !== 0;
  const unit = make("select", { "aria-label": `unit of ${words(field.name)}`, class: "unit" });
  unit.append(make("option", { value: "part", selected: !asUpdates }, "of horizon"), make("option", { value: "updates", selected: asUpdates }, "updates"));
  const typed = (found) => (unit.value === "part" ? fraction(found) : Math.max(0, Math.round(found)));
  const range = slider(parts, asUpdates ? 0 : value, id, (found, isFinal) => {
    unit.value = "part";
    box.show(found);
    change(fraction(found), isFinal);
  });
  const box = numberBox(id, value, {}, (found, isFinal) => {
    if (unit.value === "part") range.show(found);
    change(typed(found), isFinal);
  });
  unit.addEventListener("change", () => {
    const { horizon } = field;
    const now = Number(box.value) || 0;
    const found = unit.value === "part" ? Number((now / horizon).toPrecision(4)) : Math.round(now * horizon);
    box.show(found);
    if (unit.value === "part") range.show(found);
    change(typed(found), true);
  });
  return [range, box, unit];
}

function choice(field, value, change, id) {
  const select = make("select", { id });
  field.choices.forEach((one, at) => {
    const isIt = JSON.stringify(one) === JSON.stringify(value, (_, part) => (part instanceof Whole ? part.value : part));
    select.append(make("option", { value: at, selected: isIt }, Array.isArray(one) ? `(${one.join(", ")})` : `${one}`));
  });
  select.addEventListener("change", () => change(field.choices[Number(select.value)], true));
  return [select];
}

function flag(field, value, change, id) {
  const box = make("input", { type: "checkbox", id });
  box.checked = value === true;
  box.addEventListener("change", () => change(box.checked, true));
  return [box];
}

// A list of numbers, or a tree, as text; what cannot be read is not taken.
function text(field, value, change, id, { read, write, rows }) {
  const area = make("textarea", { id, rows, spellcheck: "false", autocomplete: "off" });
  area.value = write(value);
  const take = (isFinal) => {
    try {
      const found = read(area.value);
      set(area, { "aria-invalid": false });
      change(found, isFinal);
    } catch {
      set(area, { "aria-invalid": "true" });
    }
  };
  area.addEventListener("input", () => take(false));
  area.addEventListener("change", () => take(true));
  return [area];
}

function readNumbers(content, asPart) {
  const words = content.split(/[\s,;]+/).filter(Boolean);
  if (!words.length) throw new Error("no number");
  return words.map((word) => {
    const found = Number(word);
    if (!Number.isFinite(found)) throw new Error(word);
    return asPart && /[.e]/i.test(word) ? fraction(found) : found;
  });
}

const numbers = (field, value, change, id) =>
  text(field, value, change, id, {
    rows: Math.min(5, 1 + Math.floor(value.length / 6)),
    read: (content) => readNumbers(content, false),
    write: (list) => list.map(Number).join(", "),
  });

const lengths = (field, value, change, id) =>
  text(field, value, change, id, {
    rows: Math.min(5, 1 + Math.floor(value.length / 6)),
    read: (content) => readNumbers(content, true),
    write: (list) => list.map((one) => (one instanceof Whole ? `${one.value}.0` : `${one}`)).join(", "),
  });

const tree = (field, value, change, id) =>
  text(field, value, change, id, {
    rows: 10,
    read: (content) => {
      const found = parse(content);
      if (found === null || typeof found !== "object") throw new Error("no node");
      return found;
    },
    write: (node) => stringify(node, 1),
  });

const KINDS = { number, integer: number, length, choice, flag, numbers, lengths, tree };
