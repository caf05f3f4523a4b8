// The description of the API: what an address points at is open, and the list can be searched.
const field = document.getElementById("filter");
const found = document.getElementById("found");
const items = [...document.querySelectorAll("[data-find]")];
const groups = [...document.querySelectorAll("[data-group]")];
const wereOpen = groups.map((group) => group.open);

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView();
  target.querySelector("summary").focus({ preventScroll: true });
}

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const item of items) {
    item.hidden = !words.every((word) => item.dataset.find.toLowerCase().includes(word));
    count += !item.hidden;
  }
  groups.forEach((group, at) => {
    group.hidden = !group.querySelector("li:not([hidden])");
    group.open = words.length ? true : wereOpen[at];
  });
  found.textContent = words.length ? `${count || "nothing"} found` : "";
}

field.addEventListener("input", search);
field.addEventListener("keydown", (event) => {
  const first = items.find((item) => !item.hidden);
  if (event.key !== "Enter" || !field.value || !first) return;
  event.preventDefault();
  first.querySelector("a").click();
});
addEventListener("hashchange", openTarget);
// A link to where the address points already changes nothing, yet is a wish to see it.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link && link.getAttribute("href") === location.hash) openTarget();
});
openTarget();
