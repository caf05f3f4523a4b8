// Draws the charts of the page from its data, again whenever the theme changes; and the buttons.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const theme = matchMedia("(prefers-color-scheme: dark)");
  const options = {
    // plotly.js offers to upload a chart unless told otherwise; nothing may leave this page.
    showSendToCloud: false,
    plotlyServerURL: "",
    displaylogo: false,
    responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
  };
  const drawings = [...document.querySelectorAll("[data-chart]")].map((figure) => ({
    figure,
    plot: figure.querySelector(".plot"),
    chart: page.charts[figure.dataset.chart],
    view: 0,
    hidden: new Set(),
  }));

  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  function merged(base, patch) {
    const both = { ...base };
    for (const [name, value] of Object.entries(patch)) {
      both[name] = isObject(value) && isObject(base[name]) ? merged(base[name], value) : value;
    }
    return both;
  }

  // Every colour in the data is a light one; the page knows the dark one for each.
  function themed(value, isDark) {
    const swap = (_, found) => (typeof found === "string" && page.dark[found]) || found;
    return JSON.parse(JSON.stringify(value), isDark ? swap : undefined);
  }

  function draw(drawing, isDark, width) {
    const { chart, plot, hidden } = drawing;
    const view = chart.views[drawing.view] || { layout: {}, data: [] };
    const data = chart.data.map((trace, at) => {
      const patched = merged(trace, view.data[at] || {});
      return hidden.has(trace.legendgroup) ? { ...patched, visible: false } : patched;
    });
    const layout = merged(merged(chart.layout, view.layout), width ? { width, autosize: false } : {});
    return Plotly.react(plot, themed(data, isDark), themed(layout, isDark), options);
  }

  const drawAll = (isDark, width) => drawings.map((drawing) => draw(drawing, isDark, width));

  function press(buttons, chosen) {
    buttons.forEach((button) => button.setAttribute("aria-pressed", button === chosen));
  }

  for (const drawing of drawings) {
    const views = [...drawing.figure.querySelectorAll("[data-view]")];
    for (const button of views) {
      button.addEventListener("click", () => {
        drawing.view = Number(button.dataset.view);
        press(views, button);
        draw(drawing, theme.matches);
      });
    }
    for (const button of drawing.figure.querySelectorAll("[data-group]")) {
      button.addEventListener("click", () => {
        const { group } = button.dataset;
        if (!drawing.hidden.delete(group)) drawing.hidden.add(group);
        button.setAttribute("aria-pressed", !drawing.hidden.has(group));
        draw(drawing, theme.matches);
      });
    }
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      getSelection().selectAllChildren(source);
      const said = button.textContent;
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected";
      }
      setTimeout(() => (button.textContent = said), 1500);
    });
  }

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

  theme.addEventListener("change", () => drawAll(theme.matches));
  addEventListener("beforeprint", () => drawAll(false, 660));
  addEventListener("afterprint", () => drawAll(theme.matches));
  drawAll(theme.matches);
})();
