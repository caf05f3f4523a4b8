// The choice of a family: all of them by groups, each with its picture; typing narrows them.
import { find } from "./workbench-dom.js";

const dialog = find("families");
const search = find("search");
const none = find("no-family");

export class Picker {
  #chosen = null;

  constructor() {
    search.addEventListener("input", () => this.#narrow());
    dialog.addEventListener("click", (event) => {
      const button = event.target.closest("[data-family]");
      if (button) this.#take(button.dataset.family);
      else if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => this.#step(event));
  }

  // `chosen(family)` is called if one is chosen.
  open(family, chosen) {
    this.#chosen = chosen;
    search.value = "";
    this.#narrow();
    for (const button of dialog.querySelectorAll("[data-family]")) {
      button.setAttribute("aria-pressed", `${button.dataset.family === family}`);
    }
    dialog.showModal();
    search.focus();
  }

  #take(family) {
    dialog.close();
    this.#chosen?.(family);
  }

  get #shown() {
    return [...dialog.querySelectorAll("[data-family]")].filter((button) => !button.hidden);
  }

  // Every word that was typed must stand in the name, the line or the heading.
  #narrow() {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of dialog.querySelectorAll("section")) {
      const heading = group.querySelector("h3").textContent;
      for (const button of group.querySelectorAll("[data-family]")) {
        const text = `${heading} ${button.textContent} ${button.dataset.family.replaceAll("_", " ")}`.toLowerCase();
        button.hidden = !wanted.every((word) => text.includes(word));
      }
      group.hidden = !group.querySelector("[data-family]:not([hidden])");
    }
    none.hidden = this.#shown.length > 0;
  }

  // Enter takes the first that is left; arrows go through them.
  #step(event) {
    const shown = this.#shown;
    const at = shown.indexOf(document.activeElement);
    if (event.key === "Enter" && at < 0 && shown.length) {
      event.preventDefault();
      this.#take(shown[0].dataset.family);
    }
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || (at < 0 && !["ArrowDown", "ArrowUp"].includes(event.key))) return;
    event.preventDefault();
    const next = shown[at + by];
    if (next) next.focus();
    else if (by < 0) search.focus();
  }
}
