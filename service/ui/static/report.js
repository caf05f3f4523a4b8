// The button of the report that saves the schedule with its table.
"use strict";

const page = JSON.parse(document.getElementById("data").textContent);
for (const button of document.querySelectorAll("[data-save]")) {
  button.addEventListener("click", () => {
    const text = JSON.stringify(page.schedule, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = button.dataset.save;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
