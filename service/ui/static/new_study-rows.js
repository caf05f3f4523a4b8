// Rows that are added and taken away: constraints, and labels by name.
//
// A row that is not complete is not sent. A constraint that was written in another way than by
// these rows is kept as its text.
"use strict";

import { isObject } from "./new_study-request.js";

const CONSTRAINT = /^\s*([a-z_0-9]+)\s*(<=|>=)\s*([-+.0-9eE]+)\s*$/;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const text = (name, value, placeholder) => {
  const made = element("input", { type: "text", spellcheck: "false", "aria-label": name, placeholder });
  made.value = value;
  return made;
};

const select = (name, options, value) => {
  const made = element("select", { "aria-label": name }, ...options.map(([one, label]) => new Option(label, one)));
  made.value = value;
  return made;
};

function row(what, ...controls) {
  const remove = element("button", { type: "button", class: "quiet", "data-remove": "", "aria-label": `Remove the ${what}` }, "✕");
  return element("li", { class: "row" }, ...controls, remove);
}

const list = (holder) => holder.querySelector(".rows");
const parts = (item) => [...item.querySelectorAll("input, select")].map((one) => one.value.trim());

const constraints = (bounded) => ({
  blank: () => constraintRow(bounded, "final_lr", "<=", ""),
  read(holder) {
    const told = [...list(holder).children].map((item) => {
      const [name, comparator, value] = parts(item);
      return comparator === undefined ? name : value && `${name} ${comparator} ${value}`;
    });
    const said = told.filter(Boolean);
    return said.length ? said : undefined;
  },
  write(holder, value) {
    const told = Array.isArray(value) ? value : [];
    const made = told.map((one) => {
      const found = CONSTRAINT.exec(one);
      if (!found || !bounded.includes(found[1])) return row("constraint", text("constraint", String(one), "final_lr <= 1e-5"));
      return constraintRow(bounded, ...found.slice(1));
    });
    list(holder).replaceChildren(...made);
  },
});

function constraintRow(bounded, name, comparator, value) {
  return row(
    "constraint",
    select("what is bounded", bounded.map((one) => [one, one]), name),
    select("at most or at least", [["<=", "at most"], [">=", "at least"]], comparator),
    text("bound", value, "1e-5"),
  );
}

const labels = {
  blank: () => labelRow("", ""),
  read(holder) {
    const told = [...list(holder).children].map(parts).filter(([name]) => name);
    return told.length ? Object.fromEntries(told) : undefined;
  },
  write(holder, value) {
    const told = isObject(value) ? Object.entries(value) : [];
    list(holder).replaceChildren(...told.map(([name, one]) => labelRow(name, String(one))));
  },
};

const labelRow = (name, value) => row("label", text("label", name, "team"), text("value", value, "rates"));

export const rowKinds = (bounded) => ({ constraints: constraints(bounded), labels });

// Buttons that add and take away rows; `onChange` hears of the holder that changed.
export function listen(form, kinds, onChange) {
  form.addEventListener("click", (event) => {
    const holder = event.target.closest("[data-kind=constraints], [data-kind=labels]");
    if (!holder) return;
    if (event.target.closest("[data-add]")) {
      list(holder).append(kinds[holder.dataset.kind].blank());
      list(holder).lastElementChild.querySelector("input, select").focus();
    } else if (event.target.closest("[data-remove]")) {
      event.target.closest("li").remove();
      holder.querySelector("[data-add]").focus();
      onChange(holder);
    }
  });
}
