// What is suspicious about each schedule: marked on its curve by number, and said in words below.
import { Askers, debounced } from "./workbench-ask.js";
import { find, lineOf, make } from "./workbench-dom.js";
import { stringify } from "./workbench-json.js";
import { documentOf } from "./workbench-state.js";

const place = find("findings");
const count = find("findings-count");
const CALM_MS = 180;
const WORDS = { error: "error", warning: "warning", info: "note" };

export class Findings {
  #bench;
  #curves;
  #askers;
  #asked = new Map();
  #known = new Map(); // by key: findings, or null if the schedule was refused
  refresh;

  constructor(bench, curves) {
    this.#bench = bench;
    this.#curves = curves;
    this.#askers = new Askers("/v1/schedules:lint", (key, answer) => {
      this.#known.set(key, answer?.findings ?? null);
      this.#show();
    });
    this.refresh = debounced(() => this.#refresh(), CALM_MS);
  }

  #refresh() {
    const { visible } = this.#bench;
    const keys = new Set(visible.map((item) => item.key));
    this.#askers.keep(keys);
    for (const key of this.#asked.keys()) if (!keys.has(key)) this.#asked.delete(key);
    for (const item of visible) {
      const text = stringify(item.schedule);
      if (this.#asked.get(item.key) === text || !this.#curves.isGood(item)) continue;
      this.#asked.set(item.key, text);
      this.#askers.ask(item.key, { schedule: documentOf(item) });
    }
    this.#show();
  }

  #show() {
    let number = 0;
    let total = 0;
    const lists = this.#bench.visible.map((item) => {
      const known = this.#known.get(item.key) ?? [];
      const numbered = known.map((one) => ({ ...one, number: one.step === null ? null : (number += 1) }));
      const noted = (item.notes ?? []).map((one) => ({ ...one, severity: "info", number: null }));
      this.#curves.setFindings(item, numbered);
      total += numbered.length;
      return this.#list(item, [...numbered, ...noted]);
    });
    count.textContent = total === 0 ? "nothing found" : `${total} found`;
    place.replaceChildren(...lists);
  }

  #list(item, found) {
    const rows = found.map((one) =>
      make(
        "li",
        { class: one.severity },
        one.number !== null && make("span", { class: "mark-number", title: `at update ${one.step}` }, `${one.number}`),
        make("b", {}, `${WORDS[one.severity]}: `),
        `${one.message.replace(/\.$/, "")}.`,
      ),
    );
    const empty = make("p", { class: "hint" }, "Nothing suspicious.");
    return make(
      "div",
      { class: "found" },
      make("h3", {}, lineOf(this.#curves.lookOf(item)), item.name),
      rows.length ? make("ul", {}, ...rows) : empty,
    );
  }
}
