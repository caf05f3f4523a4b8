// The workbench: draws, compares and translates schedules, and sends them on.
//
// This file brings its parts together: `state` holds what is shown, every change of it is told to
// all parts, and each shows its own.
import { notify } from "./api.js";
import { post } from "./workbench-ask.js";
import { Curves } from "./workbench-chart.js";
import { Code } from "./workbench-code.js";
import { find } from "./workbench-dom.js";
import { Findings } from "./workbench-findings.js";
import { Form } from "./workbench-form.js";
import { parse } from "./workbench-json.js";
import { Knots } from "./workbench-knots.js";
import { List } from "./workbench-list.js";
import { Paste } from "./workbench-paste.js";
import { Picker } from "./workbench-picker.js";
import { freed, insert } from "./workbench-points.js";
import { Readout } from "./workbench-readout.js";
import { Send } from "./workbench-send.js";
import { Bench, bare, documentOf } from "./workbench-state.js";

const KNOTS = 9; // as many as a search moves
const data = JSON.parse(find("bench-data").textContent);
const bench = new Bench(Object.keys(data.families));
const picker = new Picker();
const form = new Form(bench, data, {
  pick: () => picker.open(bench.active.schedule.family, (family) => bench.edit("all", () => form.turn(bench.active, family))),
  byHand: (knots = KNOTS) => drawByHand(knots),
  free: () => bench.edit("all", ({ active }) => form.replace(active, freed(active.schedule, knots.updates))),
  addKnot: () => {
    let at = 0;
    bench.edit("all", ({ active }) => (at = insert(active.schedule, knots.updates)));
    knots.focus(at);
  },
  removeKnot: () => knots.removeLast(),
});
const curves = new Curves(bench, data, (item, error, isGoodAgain) => {
  if (isGoodAgain) for (const part of [readout, findings, code]) part.refresh();
  if (item !== bench.active) return;
  form.complain(error);
  if (!error) knots.show();
});
const list = new List(bench, curves);
const readout = new Readout(bench, curves);
const findings = new Findings(bench, curves);
const code = new Code(bench, data, curves);
const knots = new Knots(bench, curves);
const paste = new Paste((name, schedule, notes) => {
  bench.edit("all", () => {
    const item = bench.add(name, schedule);
    if (item) item.notes = notes;
    else notify("More would not be readable: remove one first.", "bad");
  });
});

const opener = find("open-send"); // whoever may not write has none
if (opener) {
  const send = new Send(bench, curves);
  opener.addEventListener("click", () => send.open());
}

const buttons = {
  undo: () => bench.undo(),
  redo: () => bench.redo(),
  add: () => picker.open("", (family) => bench.edit("all", () => add(family))),
  "open-paste": () => paste.open(),
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

// The curve through so many knots of the schedule that is worked on.
async function drawByHand(count) {
  const item = bench.active;
  try {
    const made = await post("/v1/schedules:convert", { schedule: documentOf(item), knots: count, table: false }, { parse });
    bench.edit("all", () => {
      form.replace(item, bare(made.schedule));
      bench.active = item;
    });
  } catch (error) {
    form.complain(error);
  }
}

function showTools() {
  find("undo").disabled = !bench.canUndo;
  find("redo").disabled = !bench.canRedo;
  find("add").disabled = bench.isFull;
  for (const [group, chosen] of [["views", bench.view], ["panels", bench.panel]]) {
    for (const button of find(group).children) button.setAttribute("aria-pressed", `${button.value === chosen}`);
  }
}

function show(what, isFinal) {
  if (what === "all") list.show();
  if (what === "all" || (what === "knots" && isFinal)) form.show();
  showTools();
  curves.refresh();
  knots.show();
  readout.refresh();
  findings.refresh();
  code.refresh();
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
show("all", true);
