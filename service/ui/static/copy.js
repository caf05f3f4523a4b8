// Buttons that copy: `data-copy` is the id of what is copied.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  const said = button.dataset.said ?? button.textContent;
  button.dataset.said = said;
  if (source.select) source.select();
  else getSelection().selectAllChildren(source);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Selected"; // where a page may not write to the clipboard
  }
  setTimeout(() => (button.textContent = said), 1500);
});
