// What every schedule is at one update, as a table: exactly, as the service computes it.
import { Askers } from "./workbench-ask.js";
import { find, lineOf, make, short } from "./workbench-dom.js";
import { documentOf } from "./workbench-state.js";

const figure = find("chart");
const plot = figure.querySelector(".plot");
const field = find("update");
const body = find("values");

export class Readout {
  #bench;
  #curves;
  #askers;
  #known = new Map();
  #step = 0;

  constructor(bench, curves) {
    this.#bench = bench;
    this.#curves = curves;
    this.#askers = new Askers("/v1/schedules:preview", (key, answer) => {
      this.#known.set(key, answer?.at ?? null);
      this.#fill();
    });
    field.addEventListener("input", () => this.look(Number(field.value)));
    let isHeard = false;
    figure.addEventListener("glideslope:drawn", () => {
      if (isHeard || !plot.on) return;
      isHeard = true;
      plot.on("plotly_hover", (event) => this.look(event.points[0].x));
    });
  }

  look(step) {
    if (!Number.isFinite(step)) return;
    this.#step = Math.max(0, Math.round(step));
    if (document.activeElement !== field) field.value = this.#step;
    this.refresh();
  }

  // The first time it looks at the middle.
  refresh() {
    const { visible } = this.#bench;
    const longest = Math.max(...visible.map((item) => item.schedule.horizon), 1);
    field.max = longest - 1;
    if (field.value === "") this.#step = Math.floor(longest / 2);
    if (this.#step >= longest) this.#step = longest - 1;
    if (document.activeElement !== field) field.value = this.#step;
    this.#askers.keep(new Set(visible.map((item) => item.key)));
    for (const item of visible) {
      if (!this.#curves.isGood(item)) continue;
      if (this.#step < item.schedule.horizon) {
        this.#askers.ask(item.key, { schedule: documentOf(item), points: 4, at: [this.#step], sums: true });
      } else this.#known.set(item.key, null);
    }
    this.#fill();
  }

  #fill() {
    const { visible } = this.#bench;
    const first = this.#known.get(visible[0]?.key)?.values[0];
    body.replaceChildren(
      ...visible.map((item) => {
        const known = this.#known.get(item.key);
        const rate = known?.values[0] ?? null;
        const cell = (name, value) => make("td", { "data-name": name, class: "number" }, value);
        return make(
          "tr",
          {},
          make("th", { scope: "row" }, lineOf(this.#curves.lookOf(item)), item.name),
          cell("learning rate", short(rate, 6)),
          cell("of its peak", rate === null ? "–" : `${short((100 * rate) / item.schedule.peak)} %`),
          cell("sum until here", short(known?.sums?.[0] ?? null)),
          cell("over the first", first && rate !== null ? short(rate / first) : "–"),
        );
      }),
    );
  }
}
