(function () {
  "use strict";

  // Charts. Their colours are the page's CSS variables, so they follow its mode and its printing.
  const narrow = window.matchMedia("(max-width: 640px)");
  const small = window.matchMedia("(max-width: 1000px)");

  function fit(config, width) {
    if (!narrow.matches) return;
    Object.assign(config.axisY, { labelFontSize: 11, labelLimit: Math.round(0.46 * width) });
    Object.assign(config.axisX, { labelFontSize: 11, tickCount: 3 });
    Object.assign(config.legend, { columns: 1, labelLimit: 150 });
  }

  // Of charts for several widths, the widest one that fits.
  function chosen(found, width) {
    if (!Array.isArray(found)) return found;
    const fitting = found.filter(([least]) => least <= width);
    return (fitting.length ? fitting[fitting.length - 1] : found[0])[1];
  }

  function draw() {
    for (const box of document.querySelectorAll(".chart")) {
      const found = JSON.parse(document.getElementById(box.dataset.spec).textContent);
      const spec = chosen(found, box.clientWidth);
      fit(spec.config, box.clientWidth);
      window.vegaEmbed(box, spec, {
        actions: false,
        ast: true, // expressions are interpreted: the page's policy allows no eval
        defaultStyle: false,
        renderer: "svg",
        tooltip: { disableDefaultStyle: true },
      }).then(() => { box.dataset.drawn = "yes"; }, (error) => {
        box.textContent = "This chart could not be drawn; the table holds its numbers.";
        console.error(error);
      });
    }
  }

  // Tables that sort by a click: text as text, numbers as numbers, again for the other way round.
  function sort(header) {
    const row = header.parentNode;
    const at = Array.prototype.indexOf.call(row.children, header);
    const body = header.closest("table").tBodies[0];
    const down = header.getAttribute("aria-sort") === "ascending";
    const numeric = header.classList.contains("number");
    const key = (line) => line.children[at].dataset.key;
    const lines = Array.from(body.rows);
    lines.sort((a, b) => {
      const [left, right] = [key(a), key(b)];
      const order = numeric
        ? number(left) - number(right) || 0
        : left.localeCompare(right, undefined, { numeric: true });
      return down ? -order : order;
    });
    for (const other of row.children) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...lines);
  }

  function number(text) {
    return text === "-inf" ? -Infinity : Number(text);
  }

  for (const button of document.querySelectorAll("table.sortable thead button")) {
    button.addEventListener("click", () => sort(button.parentNode));
  }

  // Printed, nothing stays folded.
  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details:not([open])")) {
      folded.open = true;
      folded.dataset.folded = "yes";
    }
  });
  window.addEventListener("afterprint", () => {
    for (const folded of document.querySelectorAll("details[data-folded]")) folded.open = false;
  });

  for (const query of [narrow, small]) query.addEventListener("change", draw);
  draw();
})();
