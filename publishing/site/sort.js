// Sorts the rows of a table by a column when its heading is pressed; within each group where a table has several.
"use strict";

function sortKey(row, column) {
  const cell = row.cells[column];
  return cell.dataset.sort ?? cell.textContent.trim();
}

// Numbers by size, texts by the language; what is empty comes first.
function compare(a, b) {
  if (a === "" || b === "") return (a !== "") - (b !== "");
  const difference = Number(a) - Number(b);
  return !Number.isNaN(difference) ? difference : a.localeCompare(b, document.documentElement.lang);
}

function sortBy(table, heading) {
  const column = heading.cellIndex;
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((a, b) => compare(sortKey(a, column), sortKey(b, column)) * (descending ? -1 : 1));
    body.append(...rows);
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    if (heading.classList.contains("plain")) continue;
    const button = document.createElement("span"); // a real button is missing from headings that are repeated in print
    button.role = "button";
    button.tabIndex = 0;
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, heading));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sortBy(table, heading);
    });
    heading.append(button);
  }
}
