// The list of schedules that are compared: which is worked on, what is hidden, what is taken away.
import { find, icon, lineOf, make } from "./workbench-dom.js";

const list = find("schedules");
const EYE = "M10 4.5C5.5 4.5 2.5 8.300 1.500 10c1 1.700 4 5.500 8.500 5.500s7.500-3.800 8.500-5.500c-1-1.700-4-5.500-8.500-5.500zm0 8.700a3.200 3.200 0 1 1 0-6.400 3.200 3.200 0 0 1 0 6.400z";
const SHUT = "M2.500 3.500l14 13-1 1-3.100-2.900c-.7.200-1.500.400-2.400.400-4.500 0-7.500-3.800-8.500-5.500.5-.9 1.500-2.200 2.900-3.300L1.500 4.500zM10 4.500c4.500 0 7.500 3.800 8.500 5.500-.4.700-1.200 1.800-2.300 2.800l-8.100-7.900c.6-.2 1.200-.4 1.900-.4z";
const TWICE = "M3 3h9v2H5v8H3zM7 7h10v10H7zm2 2v6h6V9z";
const CROSS = "M5 3.600L10 8.600l5-5L16.400 5l-5 5 5 5-1.400 1.400-5-5-5 5L3.600 15l5-5-5-5z";

export class List {
  #bench;
  #curves;

  constructor(bench, curves) {
    this.#bench = bench;
    this.#curves = curves;
    list.addEventListener("keydown", (event) => this.#step(event));
  }

  show() {
    const focused = list.contains(document.activeElement) ? [document.activeElement.dataset.act, document.activeElement.closest("li").dataset.key] : null;
    list.replaceChildren(...this.#bench.items.map((item) => this.#row(item)));
    if (!focused) return;
    const [act, key] = focused;
    const row = list.querySelector(`li[data-key="${key}"]`) ?? list.querySelector("li.active");
    row?.querySelector(`[data-act="${act}"]`)?.focus({ preventScroll: true });
  }

  #row(item) {
    const bench = this.#bench;
    const isActive = item === bench.active;
    const act = (name, path, label, work, more = {}) =>
      make("button", { type: "button", class: "icon", "data-act": name, "aria-label": `${label} ${item.name}`, title: label, onclick: work, ...more }, icon(path));
    const choose = make(
      "button",
      { type: "button", class: "choose", "data-act": "choose", "aria-pressed": `${isActive}` },
      lineOf(this.#curves.lookOf(item)),
      make("span", { class: "who" }, item.name),
      item.name !== item.schedule.family && make("small", {}, item.schedule.family),
    );
    choose.addEventListener("click", () => bench.edit("all", () => (bench.active = item)));
    return make(
      "li",
      { "data-key": item.key, class: `${isActive ? "active" : ""}${item.isHidden ? " off" : ""}` },
      choose,
      act("hide", item.isHidden ? SHUT : EYE, item.isHidden ? "Show" : "Hide", () => bench.edit("all", () => this.#toggle(item))),
      act("twin", TWICE, "Duplicate", () => bench.edit("all", () => bench.add(item.name, item.schedule)), { disabled: bench.isFull }),
      act("remove", CROSS, "Remove", () => bench.edit("all", () => bench.remove(item)), { disabled: bench.items.length === 1 }),
    );
  }

  // Something is always to be seen.
  #toggle(item) {
    if (!item.isHidden && this.#bench.visible.length === 1) return;
    item.isHidden = !item.isHidden;
  }

  // Up and down go from schedule to schedule.
  #step(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by || !event.target.closest("[data-act]")) return;
    const rows = [...list.children];
    const next = rows[rows.indexOf(event.target.closest("li")) + by];
    if (!next) return;
    event.preventDefault();
    next.querySelector(`[data-act="${event.target.dataset.act}"]`).focus();
  }
}
