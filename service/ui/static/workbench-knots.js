// Handles over the chart: every point of the schedule that is worked on can be dragged, with mouse,
// finger or keys. Each is a slider to whoever cannot see it, and says where it is.
import { find, make, set, short } from "./workbench-dom.js";
import { canSlide, hasPoints, move, pointsOf, remove } from "./workbench-points.js";

const figure = find("chart");
const plot = figure.querySelector(".plot");
const layer = find("handles");
const STEP = 1.05; // factor of an arrow key
const FINE = 1.01; // with shift
const FAR = 1.5; // of page up and down
const SLIDE = 0.01; // of the span, sideways; a tenth with shift

export class Knots {
  #bench;
  #curves;
  #dragged = null;
  last = 0; // the handle that had the focus last

  constructor(bench, curves) {
    this.#bench = bench;
    this.#curves = curves;
    let isHeard = false;
    figure.addEventListener("glideslope:drawn", () => {
      this.#place();
      if (isHeard || !plot.on) return;
      isHeard = true;
      plot.on("plotly_afterplot", () => this.#place()); // zoomed, or another size
    });
  }

  // How the points lie over the updates: where the warmup ends, and over how many updates they go.
  get #span() {
    const { active } = this.#bench;
    const seen = this.#curves.seen(active)?.schedule;
    const { horizon } = active.schedule;
    const warmup = Math.min(seen?.warmup.steps ?? 0, horizon);
    const updates = horizon - warmup;
    const length = active.schedule.end === "last" ? Math.max(1, updates - 1) : Math.max(1, updates);
    return { warmup, updates, length };
  }

  get updates() {
    return this.#span.updates;
  }

  // As many handles as there are points.
  show() {
    const { active } = this.#bench;
    const isShown = !active.isHidden && hasPoints(active.schedule);
    const count = isShown ? pointsOf(active.schedule, this.updates).length : 0;
    while (layer.children.length > count) layer.lastChild.remove();
    while (layer.children.length < count) layer.append(this.#handle(layer.children.length));
    this.last = Math.min(this.last, Math.max(0, count - 1));
    this.#place();
  }

  #handle(at) {
    const handle = make("div", { class: "knot", role: "slider", tabindex: 0, "aria-orientation": "vertical" }, make("i"));
    handle.addEventListener("pointerdown", (event) => this.#grab(event, handle, at));
    handle.addEventListener("pointermove", (event) => this.#drag(event, at));
    for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, () => this.#drop(handle));
    handle.addEventListener("keydown", (event) => this.#press(event, at));
    handle.addEventListener("focus", () => (this.last = at));
    return handle;
  }

  #place() {
    const axes = plot._fullLayout;
    const { active } = this.#bench;
    if (!axes?.xaxis || !layer.children.length || !hasPoints(active.schedule)) return;
    const { xaxis, yaxis } = axes;
    const { warmup, length, updates } = this.#span;
    const points = pointsOf(active.schedule, updates);
    layer.style.setProperty("--color", `var(--${this.#curves.lookOf(active).token})`);
    points.forEach((point, at) => {
      const handle = layer.children[at];
      if (!handle) return;
      const update = warmup + point.place * length;
      const x = xaxis.d2p(update);
      const floor = yaxis.type === "log" ? yaxis._length - 2 : yaxis._length;
      const y = yaxis.type === "log" && !(point.rate > 0) ? floor : Math.min(yaxis.d2p(point.rate), floor);
      const isOut = x < -1 || x > xaxis._length + 1 || y < -1;
      handle.hidden = isOut && this.#dragged?.at !== at;
      handle.style.transform = `translate(${plot.offsetLeft + xaxis._offset + x}px, ${plot.offsetTop + yaxis._offset + y}px)`;
      set(handle, {
        "aria-label": `knot ${at + 1} of ${points.length}`,
        "aria-valuemin": 0,
        "aria-valuemax": round(Math.max(...points.map((one) => one.rate))),
        "aria-valuenow": round(point.rate),
        "aria-valuetext": `update ${Math.round(update).toLocaleString("en-US")}, learning rate ${short(point.rate)}`,
      });
    });
  }

  #grab(event, handle, at) {
    if (event.button) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    handle.classList.add("held");
    const box = handle.getBoundingClientRect();
    this.#dragged = { at, dx: event.clientX - (box.left + box.width / 2), dy: event.clientY - (box.top + box.height / 2) };
    this.#curves.freeze(true);
  }

  #drag(event, at) {
    if (this.#dragged?.at !== at) return;
    const { xaxis, yaxis } = plot._fullLayout;
    const box = plot.getBoundingClientRect();
    const x = event.clientX - this.#dragged.dx - box.left - xaxis._offset;
    const y = event.clientY - this.#dragged.dy - box.top - yaxis._offset;
    const { warmup, length, updates } = this.#span;
    const place = (xaxis.p2d(x) - warmup) / length;
    const rate = yaxis.p2d(Math.min(Math.max(y, -0.25 * yaxis._length), yaxis._length));
    this.#bench.edit("knots", ({ active }) => move(active.schedule, updates, at, { rate, place }), false);
    this.#place();
  }

  #drop(handle) {
    if (!this.#dragged) return;
    this.#dragged = null;
    handle.classList.remove("held");
    this.#curves.freeze(false);
    this.#bench.edit("knots", null);
  }

  #press(event, at) {
    const { updates } = this.#span;
    const { schedule } = this.#bench.active;
    const point = pointsOf(schedule, updates)[at];
    const factor = event.shiftKey ? FINE : STEP;
    const slide = event.shiftKey ? SLIDE / 10 : SLIDE;
    const to = {
      ArrowUp: { rate: point.rate * factor },
      ArrowDown: { rate: point.rate / factor },
      PageUp: { rate: point.rate * FAR },
      PageDown: { rate: point.rate / FAR },
      Home: { rate: 0 },
      End: { rate: Number(schedule.peak) },
      ...(canSlide(schedule) && { ArrowLeft: { place: point.place - slide }, ArrowRight: { place: point.place + slide } }),
    }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.removeLast();
    } else if (to) {
      event.preventDefault();
      this.#bench.edit("knots", ({ active }) => move(active.schedule, updates, at, to));
    }
  }

  // Takes away the handle that had the focus last.
  removeLast() {
    const { updates } = this.#span;
    const at = this.last;
    this.#bench.edit("all", ({ active }) => remove(active.schedule, updates, at));
    layer.children[Math.min(at, layer.children.length - 1)]?.focus({ preventScroll: true });
  }

  focus(at) {
    layer.children[at]?.focus({ preventScroll: true });
  }
}

const round = (value) => Number(value.toPrecision(6));
