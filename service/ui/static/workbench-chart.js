// The chart of the workbench: curves as the service computes them, findings at their place.
import { Askers, framed } from "./workbench-ask.js";
import { find } from "./workbench-dom.js";
import { documentOf } from "./workbench-state.js";

const POINTS = 600;
const GRID = 400; // updates at which curves are divided
const MOST_TIMES = 100; // of a ratio that is shown
const DECADES = 6; // shown below the highest rate on a logarithmic axis
const figure = find("chart");
const plot = figure.querySelector(".plot");

export class Curves {
  #bench;
  #frame;
  #looks;
  #told;
  #seen = new Map(); // by key of a schedule: what the service answered
  #asked = new Map();
  #refused = new Set();
  #findings = new Map();
  #askers;
  #frozen = null;
  draw;

  // `told(item, error, isGoodAgain)` is called whenever a schedule was laid out, or refused.
  constructor(bench, data, told) {
    this.#bench = bench;
    this.#frame = data.chart;
    this.#looks = data.looks;
    this.#told = told;
    this.#askers = new Askers("/v1/schedules:preview", (key, answer, error) => this.#answered(key, answer, error));
    this.draw = framed(() => this.#draw());
  }

  lookOf(item) {
    return this.#looks[item.look % this.#looks.length];
  }

  seen(item) {
    return this.#seen.get(item.key);
  }

  // Whether the service laid it out when it was last asked; if not, nothing else need be asked.
  isGood(item) {
    return !this.#refused.has(item.key);
  }

  // Ask for what is not known yet, and draw.
  refresh() {
    const { items, visible } = this.#bench;
    const keys = new Set(items.map((item) => item.key));
    this.#askers.keep(keys);
    for (const known of [this.#seen, this.#asked, this.#findings]) for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    for (const item of visible) {
      const body = this.#question(item);
      const text = JSON.stringify([body.at, body.sums]) + JSON.stringify(item.schedule, (_, one) => (one?.value !== undefined && one.constructor.name === "Whole" ? `${one.value}.0` : one));
      if (this.#asked.get(item.key) === text) continue;
      this.#asked.set(item.key, text);
      this.#askers.ask(item.key, body);
    }
    this.draw();
  }

  #question(item) {
    const body = { schedule: documentOf(item), points: POINTS, sums: this.#bench.panel === "area" };
    if (this.#bench.panel === "ratio") body.at = this.#grid(Math.min(item.schedule.horizon, this.#bench.visible[0].schedule.horizon));
    return body;
  }

  #grid(horizon) {
    const steps = Math.max(1, Math.min(GRID, horizon) - 1);
    const places = Array.from({ length: steps + 1 }, (_, at) => Math.round((at / steps) * (horizon - 1)));
    return [...new Set(places)];
  }

  #answered(key, answer, error) {
    const item = this.#bench.items.find((one) => one.key === key);
    if (!item) return;
    const wasRefused = this.#refused.delete(key);
    if (answer) this.#seen.set(key, answer);
    else {
      this.#asked.delete(key);
      this.#refused.add(key);
    }
    this.#told(item, error, wasRefused && !error);
    if (answer) this.draw();
  }

  setFindings(item, findings) {
    this.#findings.set(item.key, findings);
    this.draw();
  }

  // While something is dragged the axes stand still.
  freeze(isFrozen) {
    const axes = plot._fullLayout;
    this.#frozen = isFrozen && axes ? { x: [...axes.xaxis.range], y: [...axes.yaxis.range] } : null;
    if (!isFrozen) this.draw();
  }

  #draw() {
    const { visible, active, panel, view } = this.#bench;
    const shown = visible.filter((item) => this.#seen.has(item.key));
    if (!shown.length) return;
    const ordered = [...shown.filter((item) => item !== active), ...shown.filter((item) => item === active)];
    const data = ordered.map((item) => this.#line(item, this.#seen.get(item.key), "values", "y"));
    if (panel !== "none") data.push(...this.#second(ordered, shown[0]));
    const marks = ordered.map((item) => this.#marks(item)).filter(Boolean);
    const layout = structuredClone(panel === "none" ? this.#frame.single : this.#frame.double);
    Object.assign(layout, { uirevision: `${view} ${panel}`, shapes: ordered.flatMap((item) => this.#bands(item)) });
    layout.xaxis = { ...layout.xaxis, range: [0, Math.max(...shown.map((item) => this.#seen.get(item.key).schedule.horizon))] };
    layout.yaxis = { ...layout.yaxis, ...this.#range(shown, view) };
    if (panel !== "none") layout.yaxis2 = { ...layout.yaxis2, ...this.#secondAxis(data.slice(ordered.length)), title: { ...layout.yaxis2.title, text: this.#titles()[panel] } };
    if (this.#frozen) {
      layout.xaxis.range = this.#frozen.x;
      layout.yaxis.range = this.#frozen.y;
    }
    const chart = { title: "Schedules", caption: this.#caption(shown), keys: [], views: [], layout, data: [...data, ...marks] };
    figure.dispatchEvent(new CustomEvent("glideslope:chart", { detail: chart }));
  }

  #titles() {
    const first = this.#bench.visible[0];
    return { area: "sum until here", ratio: `over ${first.name}` };
  }

  #caption(shown) {
    const names = shown.map((item) => item.name).join(", ");
    return `Learning rate of every update: ${names}.`;
  }

  #line(item, points, field, axis) {
    const look = this.lookOf(item);
    const isActive = item === this.#bench.active;
    return {
      type: "scatter",
      mode: "lines",
      name: item.name.replaceAll("<", "‹"),
      x: points.steps,
      y: points[field],
      yaxis: axis,
      line: { color: look.color, width: isActive ? 3 : 1.9, dash: look.dash, simplify: false },
      hovertemplate: "%{y:.4g}",
      connectgaps: false,
    };
  }

  #second(ordered, first) {
    if (this.#bench.panel === "area") {
      return ordered.filter((item) => this.#seen.get(item.key).sums).map((item) => this.#line(item, this.#seen.get(item.key), "sums", "y2"));
    }
    const base = this.#seen.get(first.key).at;
    if (!base) return [];
    const known = new Map(base.steps.map((step, at) => [step, base.values[at]]));
    return ordered.filter((item) => this.#seen.get(item.key).at).map((item) => {
      const { steps, values } = this.#seen.get(item.key).at;
      const ratios = steps.map((step, at) => (known.get(step) ? values[at] / known.get(step) : null));
      return this.#line(item, { steps, ratios }, "ratios", "y2");
    });
  }

  #range(shown, view) {
    const rates = shown.flatMap((item) => this.#seen.get(item.key).values).filter((rate) => rate !== null);
    const highest = Math.max(...rates, 0) || 1;
    const lowest = Math.min(...rates);
    if (view === "linear") return { type: "linear", range: [lowest < 0 ? 1.06 * lowest : 0, 1.06 * highest] };
    const least = Math.min(...rates.filter((rate) => rate > 0), highest);
    const low = Math.log10(Math.max(least, highest / 10 ** DECADES) / 1.35);
    const high = Math.log10(highest * 1.35);
    const isLong = high - low > 1.6;
    return { type: "log", range: [low, high], dtick: isLong ? 1 : "D2", tickformat: isLong ? "" : "~g", exponentformat: "power" };
  }

  // Ratios on a logarithmic scale, where twice is as far as half; those beyond a hundred are cut off.
  #secondAxis(lines) {
    if (this.#bench.panel === "area") return { rangemode: "tozero" };
    const ratios = lines.flatMap((line) => line.y).filter((ratio) => ratio > 0);
    const [low, high] = [Math.max(Math.min(...ratios, 1), 1 / MOST_TIMES), Math.min(Math.max(...ratios, 1), MOST_TIMES)];
    const isLong = high / low > 40;
    return { type: "log", range: [Math.log10(low / 1.25), Math.log10(high * 1.25)], dtick: isLong ? 1 : "D2" };
  }

  // Findings that are about an update, as numbered marks on the curve.
  #marks(item) {
    const seen = this.#seen.get(item.key);
    const found = (this.#findings.get(item.key) ?? []).filter((one) => one.step !== null);
    if (!found.length) return null;
    const last = seen.schedule.horizon - 1;
    const styles = this.#frame.severities;
    const places = found.map((one) => Math.min(one.step, last));
    return {
      type: "scatter",
      mode: "markers+text",
      name: "findings",
      x: places,
      y: places.map((step) => this.#valueAt(seen, step)),
      text: found.map((one) => `${one.number}`),
      textposition: places.map((step) => (step < last / 20 ? "top right" : "top center")),
      textfont: { color: this.#frame.ink, size: 12 },
      cliponaxis: false,
      marker: {
        size: 12,
        color: found.map((one) => styles[one.severity].color),
        symbol: found.map((one) => styles[one.severity].symbol),
        line: { width: 1.5, color: this.#frame.ground },
      },
      hovertemplate: found.map((one) => `${one.code.replaceAll("_", " ")}<extra></extra>`),
    };
  }

  #valueAt(seen, step) {
    let value = seen.values[0];
    for (let at = 0; at < seen.steps.length && seen.steps[at] <= step; at += 1) value = seen.values[at];
    if (this.#bench.view === "linear") return value ?? 0;
    const { range } = this.#range(this.#bench.visible.filter((item) => this.#seen.has(item.key)), "log");
    return Math.max(value ?? 0, 10 ** (range[0] + 0.02 * (range[1] - range[0])));
  }

  // Where a finding is about all updates from one on, the background is tinted.
  #bands(item) {
    const last = this.#seen.get(item.key).schedule.horizon;
    const whole = { zero_updates: last, horizon_mismatch: last };
    return (this.#findings.get(item.key) ?? [])
      .filter((one) => one.step !== null && one.step < last && whole[one.code])
      .map((one) => ({
        type: "rect",
        xref: "x",
        yref: "y domain",
        x0: one.step,
        x1: last,
        y0: 0,
        y1: 1,
        line: { width: 0 },
        layer: "below",
        fillcolor: this.#frame.severities[one.severity].band,
      }));
  }
}
