// Leases run down as one looks. That a lease was extended is no change of a study, so nobody tells;
// the page is looked at again when one should have ended, and not before.
"use strict";

import { look } from "./parts.js";

const LEAST_MS = 5000; // between two looks

let read = performance.now(); // when the seconds on the page were true
let looked = read;

function tick() {
  const passed = (performance.now() - read) / 1000;
  let isOver = false;
  for (const time of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round(Number(time.dataset.until) - passed));
    time.textContent = left ? `${left} s left` : "has run out";
    isOver ||= left === 0;
  }
  if (isOver && !document.hidden && performance.now() - looked > LEAST_MS) {
    looked = performance.now();
    look().catch(() => undefined);
  }
}

document.addEventListener("glideslope:refresh", () => {
  read = performance.now();
  tick();
});
setInterval(tick, 1000);
