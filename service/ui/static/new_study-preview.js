// Pictures of the chosen families: small ones beside their names, and the chart of all.
"use strict";

export function showPreview({ chart, pictures, missing }) {
  const figure = document.querySelector("[data-chart=preview]");
  figure.dispatchEvent(new CustomEvent("glideslope:chart", { detail: chart }));
  for (const box of document.querySelectorAll(".family input")) {
    const card = box.closest(".family");
    const drawn = pictures[box.value];
    card.classList.toggle("missing", missing.includes(box.value));
    if (!drawn) {
      card.style.removeProperty("--color");
      continue;
    }
    card.style.setProperty("--color", `var(--${drawn.token})`);
    for (const part of ["band", "faint", "usual"]) card.querySelector(`.${part}`).setAttribute("d", drawn[part]);
  }
}
