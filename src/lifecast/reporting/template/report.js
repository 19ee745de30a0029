
"use strict";
// Headings become buttons that sort; a search hides the rows that do not have the words.
for (const box of document.querySelectorAll(".table")) {
  const body = box.querySelector("tbody");
  const headings = [...box.querySelectorAll("th")];
  const order = (row, place) => {
    const text = row.cells[place].dataset.order;
    const number = { inf: Infinity, "-inf": -Infinity }[text] ?? (text === "" ? NaN : Number(text));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? (a < b ? -1 : a > b ? 1 : 0) : String(a).localeCompare(String(b));
  headings.forEach((heading, place) => {
    if (!heading.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const first = heading.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const now = heading.getAttribute("aria-sort") === first ? other : first;
      const sign = now === "ascending" ? 1 : -1;
      headings.forEach((each) => each.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", now);
      body.append(...[...body.rows].sort((a, b) => sign * compare(order(a, place), order(b, place))));
    });
  });
  const search = box.querySelector("input");
  if (search === null) continue;
  const rows = [...body.rows];
  const status = box.querySelector("[role=status]");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  });
}
