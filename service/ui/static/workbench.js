// The workbench: draws, compares and translates schedules, and sends them on.
//
// This file brings its parts together: `state` holds what is shown, every change of it is told to
// all parts, and each shows its own.
import { notify } from "./api.js";
import { Curves } from "./workbench-chart.js";
import { find } from "./workbench-dom.js";
import { Form } from "./workbench-form.js";
import { List } from "./workbench-list.js";
import { Picker } from "./workbench-picker.js";
import { Readout } from "./workbench-readout.js";
import { Bench } from "./workbench-state.js";

const data = JSON.parse(find("bench-data").textContent);
const bench = new Bench();
const picker = new Picker();
const form = new Form(bench, data, () =>
  picker.open(bench.active.schedule.family, (family) => bench.edit("all", () => form.turn(bench.active, family))),
);
const curves = new Curves(bench, data, (item, error) => {
  if (item === bench.active) form.complain(error);
});
const list = new List(bench, curves);
const readout = new Readout(bench, curves);

const buttons = {
  undo: () => bench.undo(),
  redo: () => bench.redo(),
  add: () => picker.open("", (family) => bench.edit("all", () => add(family))),
  link: async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      notify("The link is copied: it shows all of this.");
    } catch {
      notify("Copy the address of this page: it shows all of this.");
    }
  },
};

function add(family) {
  const { horizon, peak } = bench.active.schedule;
  if (!bench.add(family, { family, horizon, peak, params: form.params(family) })) notify("More would not be readable: remove one first.", "bad");
}

function showTools() {
  find("undo").disabled = !bench.canUndo;
  find("redo").disabled = !bench.canRedo;
  find("add").disabled = bench.isFull;
  for (const [group, chosen] of [["views", bench.view], ["panels", bench.panel]]) {
    for (const button of find(group).children) button.setAttribute("aria-pressed", `${button.value === chosen}`);
  }
}

function show(what) {
  if (what === "all") {
    list.show();
    form.show();
  }
  showTools();
  curves.refresh();
  readout.refresh();
}

for (const [id, work] of Object.entries(buttons)) find(id).addEventListener("click", work);
for (const [group, name] of [["views", "view"], ["panels", "panel"]]) {
  find(group).addEventListener("click", (event) => {
    const chosen = event.target.closest("button")?.value;
    if (chosen) bench.edit("look", () => (bench[name] = chosen));
  });
}
addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("textarea, input:not([type=range])");
  if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyping) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) bench.redo();
  else bench.undo();
});
bench.on(show);
show("all");
