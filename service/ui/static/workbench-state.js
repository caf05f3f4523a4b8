// What the workbench shows: schedules, which of them is worked on, and how they are looked at.
//
// All of it lives in the address after the `#`, so a link shows the same (`service.ui.links` says
// how it is written), and in a list of earlier states, so that every step can be undone. Others
// change it through `edit` and hear of it through `on`.
import { copy, decode, encode, parse, stringify } from "./workbench-json.js";

const FORMAT = "glideslope/schedule@1";
const TOLD = ["family", "horizon", "peak", "warmup", "params", "end", "after_end", "channels", "groups"];
const VIEWS = ["linear", "log"];
const PANELS = ["none", "area", "ratio"];
const MOST = 20; // schedules at once
const PAUSE_MS = 320; // between two changes of the address
const REMEMBERED = 200; // steps that can be undone
const FIRST = { family: "cosine", horizon: 1000, peak: 0.01, warmup: { length: 0.05 } };

// A document without what follows from the rest of it.
export function bare(document) {
  const told = {};
  for (const name of TOLD) if (document[name] !== undefined) told[name] = document[name];
  if (told.warmup?.length !== undefined) delete told.warmup.steps;
  if (told.channels) told.channels = Object.fromEntries(Object.entries(told.channels).map(([name, one]) => [name, bare(one)]));
  return told;
}

export const documentOf = (item) => ({ format: FORMAT, ...item.schedule });

export class Bench {
  #families;
  #listeners = [];
  #past = [];
  #future = [];
  #numbers = 0;
  #written = -Infinity;
  #unwritten = null;
  #waiting = 0;

  // `families`: names that a schedule may have.
  constructor(families) {
    this.#families = new Set(families);
    this.#adopt(this.#told() ?? { schedules: [{ name: "cosine", schedule: FIRST }] });
    this.#past.push(this.text());
    addEventListener("pagehide", () => this.#write());
    addEventListener("hashchange", () => {
      const told = location.hash.slice(1) === encode(this.text()) ? null : this.#told();
      if (!told) return;
      this.#adopt(told);
      this.#settle();
      this.#tell("all");
    });
  }

  // What the address says; schedules that cannot be shown are left out, and null is told if none can.
  #told() {
    try {
      const told = parse(decode(location.hash.slice(1)));
      const schedules = told.schedules.filter((one) => this.#isOne(one?.schedule));
      return schedules.length ? { ...told, schedules } : null;
    } catch {
      return null; // no address of ours
    }
  }

  #isOne(schedule) {
    const parts = [schedule, schedule?.params ?? {}, schedule?.warmup ?? {}];
    const hasNumbers = [schedule?.peak, schedule?.horizon].every((one) => Number.isFinite(Number(one ?? NaN)));
    return parts.every((part) => part !== null && typeof part === "object") && hasNumbers && this.#families.has(schedule.family);
  }

  #adopt(told) {
    const before = new Map((this.items ?? []).map((item) => [item.name, item]));
    this.items = [];
    for (const one of told.schedules.slice(0, MOST)) {
      const known = before.get(`${one.name}`);
      before.delete(`${one.name}`);
      const asked = Number(one.look);
      const look = known?.look ?? (Number.isInteger(asked) && asked >= 0 ? asked : this.#freeLook());
      this.items.push({ key: known?.key ?? ++this.#numbers, name: `${one.name}`, schedule: bare(one.schedule), isHidden: one.hidden === true, look, notes: known?.notes });
    }
    this.active = this.items[told.active] ?? this.items[0];
    this.view = VIEWS.includes(told.view) ? told.view : "linear";
    this.panel = PANELS.includes(told.panel) ? told.panel : "none";
  }

  #freeLook() {
    const taken = new Set(this.items.map((item) => item.look));
    let look = 0;
    while (taken.has(look)) look += 1;
    return look;
  }

  get visible() {
    return this.items.filter((item) => !item.isHidden);
  }

  get isFull() {
    return this.items.length >= MOST;
  }

  text() {
    return stringify({
      schedules: this.items.map(({ name, schedule, isHidden, look }) => ({ name, schedule, look, ...(isHidden && { hidden: true }) })),
      active: this.items.indexOf(this.active),
      view: this.view,
      panel: this.panel,
    });
  }

  on(listener) {
    this.#listeners.push(listener);
  }

  #tell(what, isFinal = true) {
    for (const listener of this.#listeners) listener(what, isFinal);
  }

  // Change something: `what` is "schedule" (of the active one, by its form), "knots" (by hand), "look"
  // (how it is looked at) or "all"; what is not final can still change, as while a slider moves, and is no step of its own.
  edit(what, change, isFinal = true) {
    change?.(this);
    if (isFinal) this.#settle();
    this.#tell(what, isFinal);
  }

  #settle() {
    const text = this.text();
    if (this.#past.at(-1) !== text) {
      this.#past.push(text);
      if (this.#past.length > REMEMBERED) this.#past.shift();
      this.#future = [];
    }
    this.#address(text);
  }

  // Browsers count how often a page changes its address, and refuse when it is too often.
  #address(text) {
    this.#unwritten = text;
    clearTimeout(this.#waiting);
    const due = this.#written + PAUSE_MS - performance.now();
    if (due <= 0) this.#write();
    else this.#waiting = setTimeout(() => this.#write(), due);
  }

  #write() {
    if (this.#unwritten === null) return;
    history.replaceState(null, "", `#${encode(this.#unwritten)}`);
    this.#written = performance.now();
    this.#unwritten = null;
  }

  get canUndo() {
    return this.#past.length > 1;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    if (!this.canUndo) return;
    this.#future.push(this.#past.pop());
    this.#show(this.#past.at(-1));
  }

  redo() {
    if (!this.canRedo) return;
    this.#past.push(this.#future.pop());
    this.#show(this.#past.at(-1));
  }

  #show(text) {
    this.#adopt(parse(text));
    this.#address(text);
    this.#tell("all");
  }

  add(name, schedule) {
    if (this.isFull) return null;
    const item = { key: ++this.#numbers, name: this.#free(name), schedule: bare(copy(schedule)), isHidden: false, look: this.#freeLook() };
    this.items.push(item);
    this.active = item;
    return item;
  }

  // A name that no other schedule has.
  #free(name) {
    const taken = new Set(this.items.map((item) => item.name));
    if (!taken.has(name)) return name;
    const root = name.replace(/ \d+$/, "");
    let number = 2;
    while (taken.has(`${root} ${number}`)) number += 1;
    return `${root} ${number}`;
  }

  rename(item, name) {
    item.name = "";
    item.name = this.#free(name.trim().slice(0, 60) || item.schedule.family);
  }

  remove(item) {
    const at = this.items.indexOf(item);
    this.items.splice(at, 1);
    if (this.active === item) this.active = this.items[Math.min(at, this.items.length - 1)];
  }
}
