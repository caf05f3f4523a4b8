// Sends schedules to a study: a new one, or one that searches, which tries them as they are.
import { call, notify } from "./api.js";
import { debounced, post } from "./workbench-ask.js";
import { find, lineOf, make, set } from "./workbench-dom.js";
import { encode, stringify } from "./workbench-json.js";
import { documentOf } from "./workbench-state.js";

const dialog = find("send");
const boxes = find("send-which");
const objective = find("send-objective");
const trials = find("send-trials");
const study = find("send-study");
const said = find("send-said");
const cost = find("send-cost");
const go = find("send-go");
const all = find("send-all");
const CALM_MS = 250;

const isNew = () => dialog.querySelector("[name=send-to]:checked").value === "new";
const wanted = new URLSearchParams(location.search).get("study");

export class Send {
  #bench;
  #curves;
  #check;
  #asked = 0;

  constructor(bench, curves) {
    this.#bench = bench;
    this.#curves = curves;
    this.#check = debounced(() => this.#foresee(), CALM_MS);
    dialog.addEventListener("input", () => this.#show());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    find("send-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#go();
    });
  }

  async open() {
    const { visible, active } = this.#bench;
    boxes.replaceChildren(
      ...visible.map((item) => {
        const box = make("input", { type: "checkbox", value: item.key });
        box.checked = item === active;
        return make("label", { class: "which" }, box, lineOf(this.#curves.lookOf(item)), item.name);
      }),
    );
    this.#say("");
    dialog.showModal();
    try {
      const [objectives, running, paused] = await Promise.all([
        call("GET", "/v1/objectives"),
        call("GET", "/v1/studies?state=running&limit=50"),
        call("GET", "/v1/studies?state=paused&limit=50"),
      ]);
      this.#offer(objectives.items, [...running.items, ...paused.items]);
    } catch (error) {
      this.#say(error.message);
    }
    this.#show();
  }

  #offer(objectives, studies) {
    const kept = objective.value;
    objective.replaceChildren(...objectives.map((one) => make("option", { value: one.name }, `${one.title} (${one.name})`)));
    if (kept) objective.value = kept;
    study.replaceChildren(...studies.map((one) => make("option", { value: one.id }, `${one.label || one.id}, ${one.objective}, ${one.state}`)));
    const has = studies.length > 0;
    find("send-running").disabled = !has;
    find("send-none").hidden = has;
    if (wanted && studies.some((one) => one.id === wanted)) {
      study.value = wanted;
      find("send-running").checked = true;
    } else if (!has) find("send-new").checked = true;
  }

  get #chosen() {
    const keys = new Set([...boxes.querySelectorAll("input:checked")].map((box) => box.value));
    return this.#bench.items.filter((item) => keys.has(`${item.key}`)).map(documentOf);
  }

  #show() {
    const chosen = this.#chosen;
    find("send-new-part").hidden = !isNew();
    find("send-running-part").hidden = isNew();
    all.hidden = !isNew();
    go.textContent = isNew() ? "Start the study" : chosen.length > 1 ? `Suggest ${chosen.length} schedules` : "Suggest it";
    set(go, { "aria-disabled": chosen.length ? false : "true" });
    all.href = `/studies/new?objective=${encodeURIComponent(objective.value)}#candidates=${encode(stringify(chosen))}`;
    cost.textContent = "";
    this.#say(chosen.length ? "" : "Choose at least one schedule.");
    if (isNew() && chosen.length && objective.value) this.#check();
  }

  #request() {
    const count = Number(trials.value);
    return { objective: objective.value, candidates: this.#chosen, ...(trials.value && { budget: { trials: count } }) };
  }

  // What a new study would cost, and what there is to beware of.
  async #foresee() {
    const number = (this.#asked += 1);
    try {
      const { estimate, warnings, spec } = await post("/v1/studies:validate", this.#request());
      if (number !== this.#asked) return;
      const updates = estimate.search_steps.toLocaleString("en-US");
      cost.replaceChildren(
        `${estimate.trials} schedules over ${spec.horizon.toLocaleString("en-US")} updates each, at most ${updates} updates of search.`,
        ...warnings.map((one) => make("span", { class: "beware" }, `Beware: ${one.message}.`)),
      );
      this.#say("");
    } catch (error) {
      if (number === this.#asked) this.#refused(error);
    }
  }

  async #go() {
    const chosen = this.#chosen;
    if (!chosen.length) return;
    set(go, { "aria-disabled": "true" });
    try {
      if (isNew()) {
        const made = await post("/v1/studies", this.#request());
        location.assign(`/studies/${encodeURIComponent(made.id)}`);
        return;
      }
      for (const schedule of chosen) await post(`/v1/studies/${encodeURIComponent(study.value)}:suggest`, { schedule });
      dialog.close();
      notify(`Suggested: the study tries ${chosen.length > 1 ? "them" : "it"} soon, unless its search ends before.`);
    } catch (error) {
      this.#refused(error);
    } finally {
      set(go, { "aria-disabled": false });
    }
  }

  #refused(error) {
    const one = error.problem?.errors?.[0];
    const at = /^\/candidates\/(\d+)\/?(.*)$/.exec(one?.pointer ?? "");
    const name = at ? this.#bench.items.filter((item) => boxes.querySelector(`[value="${item.key}"]:checked`))[Number(at[1])]?.name : "";
    this.#say(one?.allowed ? `${name ? `${name}: ` : ""}${one.detail}; allowed is ${one.allowed}.` : error.message);
  }

  #say(words) {
    said.textContent = words;
    said.hidden = !words;
  }
}
