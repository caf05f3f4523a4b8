// What is wrong with a form, told beside its fields. `data-field` of a field is the JSON pointer of
// what it holds; in it, `.problem-text` takes the words and describes the input.
"use strict";

// Shows a refusal, or clears the last one if there is none; what is about no field here is returned.
export function tell(form, error) {
  const told = error?.problem?.errors ?? [];
  const known = new Set();
  let first = null;
  for (const field of form.querySelectorAll("[data-field]")) {
    const pointer = field.dataset.field;
    const own = told.filter((one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`));
    own.forEach((one) => known.add(one));
    if (mark(field, own.map(words).join("; "))) first ??= field;
  }
  first?.querySelector("input, select, textarea")?.focus();
  const others = told.filter((one) => !known.has(one)).map(words);
  return error && !told.length ? error.message : others.join("; ");
}

// Says what is wrong with one field, or nothing; returns whether anything is.
export function mark(field, problem) {
  field.querySelector(".problem-text").textContent = problem;
  for (const input of field.querySelectorAll("input, select, textarea")) {
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  return problem !== "";
}

function words(one) {
  const detail = one.allowed ? `${one.detail}; allowed: ${one.allowed}` : one.detail;
  return detail.charAt(0).toUpperCase() + detail.slice(1);
}
