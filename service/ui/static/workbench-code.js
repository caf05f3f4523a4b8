// Code of the schedule that is worked on, for the library of the chosen tab.
import { notify } from "./api.js";
import { Asker, debounced } from "./workbench-ask.js";
import { find, make, set } from "./workbench-dom.js";
import { stringify } from "./workbench-json.js";
import { documentOf } from "./workbench-state.js";

const tabs = find("tabs");
const panel = find("code-panel");
const code = find("code");
const why = find("why");
const hash = find("hash");
const MOST_LINES = 400; // that are shown; copied and saved are all
const CALM_MS = 250;
const ENDINGS = { json: "json", csv: "csv" };
const KEPT = "glideslope.framework";

export class Code {
  #bench;
  #curves;
  #frameworks;
  #chosen;
  #text = "";
  #asked = "";
  #asker;
  refresh;

  constructor(bench, data, curves) {
    this.#bench = bench;
    this.#curves = curves;
    this.#frameworks = data.frameworks;
    const kept = localStorage.getItem(KEPT);
    this.#chosen = data.frameworks.some((one) => one.name === kept) ? kept : "torch";
    this.#asker = new Asker("/v1/schedules:convert", (answer, error) => this.#show(answer, error));
    this.refresh = debounced(() => this.#refresh(), CALM_MS);
    this.#makeTabs();
    find("copy-code").addEventListener("click", () => this.#copy());
    find("save-code").addEventListener("click", () => this.#save());
  }

  #makeTabs() {
    for (const { name, title } of this.#frameworks) {
      const tab = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "code-panel", value: name }, title);
      tab.addEventListener("click", () => this.#choose(name));
      tabs.append(tab);
    }
    tabs.addEventListener("keydown", (event) => {
      const list = [...tabs.children];
      const at = list.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: list.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      const next = list[(to + list.length) % list.length];
      next.focus();
      this.#choose(next.value);
    });
    this.#mark();
  }

  #mark() {
    for (const tab of tabs.children) {
      const isIt = tab.value === this.#chosen;
      set(tab, { "aria-selected": `${isIt}`, tabindex: isIt ? 0 : -1 });
      if (isIt) set(panel, { "aria-labelledby": tab.id });
    }
  }

  #choose(name) {
    this.#chosen = name;
    localStorage.setItem(KEPT, name);
    this.#mark();
    this.#refresh();
  }

  #refresh() {
    const { active } = this.#bench;
    const body = { schedule: documentOf(active), to: this.#chosen, table: false };
    const text = stringify(body);
    if (text === this.#asked || !this.#curves.isGood(active)) return;
    this.#asked = text;
    this.#asker.ask(body);
  }

  #show(answer, error) {
    if (error) {
      this.#asked = "";
      this.#text = "";
      why.textContent = error.problem?.errors?.[0]?.allowed ? `No code: allowed is ${error.problem.errors[0].allowed}.` : `No code: ${error.message}`;
      code.textContent = "";
      hash.textContent = "";
      return;
    }
    this.#text = answer.code.code;
    const lines = this.#text.split("\n");
    const rest = lines.length - MOST_LINES;
    code.textContent = rest > 0 ? [...lines.slice(0, MOST_LINES), `… and ${rest.toLocaleString("en-US")} more lines; copying and saving take all`].join("\n") : this.#text;
    const badge = make("span", { class: `badge ${answer.code.is_native ? "native" : "looked-up"}` }, answer.code.is_native ? "the library's own" : "a table");
    why.replaceChildren(badge, ` ${answer.code.why}`);
    hash.textContent = answer.schedule.table.sha256;
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#text);
      notify("Copied.");
    } catch {
      getSelection().selectAllChildren(code);
      notify("The page may not write to the clipboard: the code is selected.", "bad");
    }
  }

  #save() {
    const link = make("a", { download: `${this.#bench.active.name.replace(/[^\w.-]+/g, "_") || "schedule"}.${ENDINGS[this.#chosen] ?? "py"}` });
    link.href = URL.createObjectURL(new Blob([this.#text], { type: "text/plain" }));
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
