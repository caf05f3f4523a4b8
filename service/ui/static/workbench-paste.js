// Pasting: lines of a program, a schedule's document, or bare numbers, read by the service.
import { post } from "./workbench-ask.js";
import { find, set } from "./workbench-dom.js";
import { parse } from "./workbench-json.js";

const dialog = find("paste");
const text = find("paste-text");
const library = find("paste-library");
const rate = find("paste-rate");
const updates = find("paste-updates");
const said = find("paste-said");
const FIELDS = { base_lr: rate, horizon: updates, source: text, schedule: text, framework: library };

// A question to the service, from what was pasted.
function question() {
  const given = text.value.trim();
  const numbers = given.replace(/[[\](),;\s]+/g, " ").trim();
  const more = { table: false, ...(rate.value && { base_lr: Number(rate.value) }), ...(updates.value && { horizon: Number(updates.value) }) };
  if (/^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)? ?){2,}$/i.test(numbers)) {
    const values = numbers.split(" ").map(Number);
    return { table: false, from: { framework: "json", call: "table", kwargs: { values } }, base_lr: 1, horizon: Number(updates.value) || values.length };
  }
  if (given.startsWith("{")) {
    const found = parse(given);
    const inner = found.format === undefined && found.schedule ? found.schedule : found;
    return { table: false, schedule: inner, ...(updates.value && { horizon: Number(updates.value) }) };
  }
  return { ...more, source: text.value, ...(library.value && { framework: library.value }) };
}

export class Paste {
  #took;

  // `took(name, schedule, notes)` is called with what was read.
  constructor(took) {
    this.#took = took;
    find("paste-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#read();
    });
    text.addEventListener("input", () => this.#say());
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#read();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }

  open() {
    this.#say();
    dialog.showModal();
    text.focus();
    text.select();
  }

  async #read() {
    this.#say();
    let body;
    try {
      body = question();
    } catch (error) {
      return this.#say(`This is no JSON: ${error.message}`, text);
    }
    try {
      const made = await post("/v1/schedules:convert", body, { parse });
      const name = made.read ? made.read.call : made.schedule.family;
      dialog.close();
      this.#took(name, made.schedule, made.notes);
    } catch (error) {
      this.#refused(error);
    }
  }

  // Says it at the place in the text, or beside the field that lacks something.
  #refused(error) {
    const one = error.problem?.errors?.[0];
    if (!one) return this.#say(error.message, text);
    const field = one.pointer.split("/")[1];
    const place = /line (\d+), column (\d+)(?:: (.*?))?['"]? is not allowed/s.exec(one.detail ?? error.message) ?? /line (\d+), column (\d+)/.exec(error.message);
    if (place) {
      const [, line, column, found] = place;
      this.#select(Number(line), Number(column), found?.length ?? 1);
      return this.#say(`Line ${line}, column ${column}${found ? ` (${found})` : ""}: allowed is ${one.allowed}.`, text);
    }
    const lacking = { base_lr: "The learning rate of the optimiser is missing", horizon: "The number of updates is missing or too large" }[field];
    const box = FIELDS[field] ?? text;
    this.#say(`${lacking ?? `${one.pointer}: ${one.detail}`}; allowed is ${one.allowed}.`, box);
    box.focus();
  }

  #select(line, column, length) {
    const lines = text.value.split("\n");
    const begin = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
    text.focus();
    text.setSelectionRange(begin, Math.min(begin + Math.max(1, length), text.value.length));
  }

  #say(words = "", box = null) {
    said.textContent = words;
    said.hidden = !words;
    for (const one of [text, rate, updates, library]) set(one, { "aria-invalid": one === box ? "true" : false });
  }
}
