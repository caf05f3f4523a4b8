// The form of the schedule that is worked on: its family, and a control for every field.
//
// It is made anew when another schedule, or another family, is shown; while a control moves it
// stays, and only what the service refuses is said beside the field at fault.
import { control, words } from "./workbench-controls.js";
import { find, make, set, svg } from "./workbench-dom.js";
import { copy } from "./workbench-json.js";
import { canSlide, hasPoints } from "./workbench-points.js";

const form = find("form");
const FIELD = /^\/?schedule\/(?:params\/)?(?:warmup\/)?([a-z_0-9]+)/;

export class Form {
  #bench;
  #data;
  #acts;
  #shown = "";

  // `acts`: what buttons of the form do, by name (`pick`: let somebody choose a family).
  constructor(bench, data, acts) {
    this.#bench = bench;
    this.#data = data;
    this.#acts = acts;
  }

  // The defaults of a family, as far as a schedule does not say otherwise.
  params(family, given = {}) {
    const fields = this.#data.families[family].fields;
    return Object.fromEntries(fields.map((field) => [field.name, given[field.name] ?? copy(field.value)]));
  }

  // Another family for a schedule: what both have in common stays.
  turn(item, family) {
    const { schedule } = item;
    const kept = {};
    const before = this.params(schedule.family, schedule.params);
    const fields = new Map(this.#data.families[schedule.family].fields.map((field) => [field.name, field]));
    for (const field of this.#data.families[family].fields) {
      const old = fields.get(field.name);
      if (old && old.kind === field.kind && !["numbers", "lengths", "tree"].includes(field.kind)) kept[field.name] = before[field.name];
    }
    this.replace(item, { ...schedule, family, params: this.params(family, kept) });
  }

  // Another schedule in place of one; a name that only said its family says the new one.
  replace(item, schedule) {
    const isNamed = !new RegExp(`^${item.schedule.family}( \\d+)?$`).test(item.name);
    item.schedule = schedule;
    if (!isNamed) this.#bench.rename(item, schedule.family);
  }

  show() {
    const { active } = this.#bench;
    const { schedule } = active;
    const focused = form.contains(document.activeElement) ? document.activeElement.closest("[data-field]")?.dataset.field : null;
    const isOpen = form.querySelector("details")?.open;
    const isSame = this.#shown === `${active.key} ${schedule.family}`;
    this.#shown = `${active.key} ${schedule.family}`;
    form.replaceChildren(...this.#rows(active));
    if (isOpen) form.querySelector("details").open = true;
    if (isSame && focused) form.querySelector(`[data-field="${CSS.escape(focused)}"] :is(input, select, textarea)`)?.focus({ preventScroll: true });
  }

  #rows(item) {
    const { schedule } = item;
    const kind = this.#data.families[schedule.family];
    const edit = (change) => (value, isFinal) => this.#bench.edit("schedule", () => change(value), isFinal);
    const params = this.params(schedule.family, schedule.params);
    schedule.params = params;
    schedule.warmup ??= {};
    const own = kind.fields.map((field) =>
      control({ ...field, horizon: schedule.horizon }, params[field.name], edit((value) => (schedule.params[field.name] = value))),
    );
    const warmup = this.#data.warmup.map((field) =>
      control(
        { ...field, horizon: schedule.horizon, help: field.name === "length" ? "" : field.help, ...(field.name === "length" && { label: "warmup" }) },
        this.#warmup(schedule, field),
        edit((value) => {
          delete schedule.warmup.steps;
          schedule.warmup[field.name] = value;
        }),
      ),
    );
    warmup[0].querySelector("label").textContent = "warmup";
    const conventions = this.#data.conventions.map((field) =>
      control(field, schedule[field.name] ?? field.value, edit((value) => (schedule[field.name] = value))),
    );
    return [
      this.#name(item),
      this.#family(item, kind),
      this.#hand(schedule),
      this.#peak(schedule, edit),
      this.#horizon(schedule, edit),
      warmup[0],
      ...own,
      make("details", { class: "more" }, make("summary", {}, "Conventions"), ...warmup.slice(1), ...conventions),
      ...this.#beside(schedule),
      make("p", { class: "problem-text", id: "form-problem", role: "alert", hidden: true }),
    ];
  }

  #warmup(schedule, field) {
    if (field.name === "length" && schedule.warmup.steps !== undefined) return schedule.warmup.steps;
    return schedule.warmup[field.name] ?? field.value;
  }

  #name(item) {
    const box = make("input", { type: "text", id: "name", maxlength: 60, autocomplete: "off", spellcheck: "false" });
    box.value = item.name;
    box.addEventListener("change", () => this.#bench.edit("all", () => this.#bench.rename(item, box.value)));
    return make("div", { class: "control name", "data-field": "name" }, make("label", { for: "name" }, "name"), box);
  }

  #family(item, kind) {
    const about = kind.about.split("\n\n");
    const thumb = document.querySelector(`#families [data-family="${CSS.escape(item.schedule.family)}"] path`).getAttribute("d");
    const picture = svg("svg", { viewBox: "0 0 96 36", "aria-hidden": "true" }, svg("path", { d: thumb }));
    const button = make(
      "button",
      { type: "button", class: "pick", "aria-haspopup": "dialog", id: "pick" },
      picture,
      make("span", {}, make("b", {}, item.schedule.family), make("small", {}, about[0])),
      make("span", { class: "change", "aria-hidden": "true" }, "change"),
    );
    button.setAttribute("aria-label", `family: ${item.schedule.family}; choose another`);
    button.addEventListener("click", () => this.#acts.pick());
    return button;
  }

  #peak(schedule, edit) {
    const field = { name: "peak", kind: "number", log: true, ...this.#data.peak };
    return control(field, schedule.peak, edit((value) => (schedule.peak = value)));
  }

  #horizon(schedule, edit) {
    const field = { name: "horizon", kind: "integer", log: true, help: "Updates it is laid out over.", ...this.#data.horizon };
    return control(field, schedule.horizon, edit((value) => (schedule.horizon = Math.round(value))));
  }

  // What is drawn by hand.
  #hand(schedule) {
    const button = (label, act) => make("button", { type: "button", class: "quiet", "data-act": act, onclick: () => this.#acts[act]() }, label);
    if (!hasPoints(schedule)) return make("div", { class: "hand" }, button("Draw it by hand", "byHand"));
    const told = canSlide(schedule)
      ? "Drag the knots in the chart, or Tab to one and use the arrow keys; Delete takes it away."
      : "Drag the knots in the chart up and down, or Tab to one and use the arrow keys.";
    const tools = canSlide(schedule) ? [button("Add a knot", "addKnot"), button("Remove a knot", "removeKnot")] : [button("Let them move sideways", "free")];
    return make("div", { class: "hand" }, ...(canSlide(schedule) ? [] : [this.#count(schedule)]), make("p", { class: "hint" }, told), make("div", { class: "row" }, ...tools));
  }

  #count(schedule) {
    const { min, max } = this.#data.knots;
    const box = make("input", { type: "number", id: "knots", min, max, step: 1 });
    box.value = schedule.params.values.length;
    box.addEventListener("change", () => this.#acts.byHand(Math.min(max, Math.max(min, Math.round(Number(box.value) || min)))));
    return make("div", { class: "control short", "data-field": "knots" }, make("label", { for: "knots" }, "knots"), box);
  }

  #beside(schedule) {
    const names = [...Object.keys(schedule.channels ?? {}), ...Object.keys(schedule.groups ?? {}).map((name) => `the rate of ${name}`)];
    if (!names.length) return [];
    return [make("p", { class: "hint" }, `It also moves ${names.join(", ")}: kept as it is, and written where a library can.`)];
  }

  // Says what the service refused, beside the field if it is one of the form; null: nothing.
  complain(error) {
    const said = find("form-problem");
    if (!said) return;
    for (const old of form.querySelectorAll("[data-refused]")) {
      set(old, { "aria-invalid": false, "data-refused": false });
    }
    said.hidden = !error;
    if (!error) return;
    const one = error.problem?.errors?.[0];
    const name = FIELD.exec(one?.pointer ?? "")?.[1];
    const box = name && form.querySelector(`[data-field="${CSS.escape(name)}"] :is(input:not([type=range]), select, textarea)`);
    if (box) set(box, { "aria-invalid": "true", "data-refused": true });
    said.textContent = one?.allowed ? `${name ? `${words(name)}: ` : ""}allowed is ${one.allowed}` : error.message;
  }
}
