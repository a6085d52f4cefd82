// A click on a heading sorts its table by that column: by the first number of each cell where there is one.
const value = (row, column) => {
  const text = row.cells[column].textContent;
  const number = parseFloat(text.replace(/[^\d.eE+-]/g, " "));
  return Number.isNaN(number) ? text : number;
};
const compare = (a, b) =>
  typeof a === typeof b ? (a > b) - (a < b) : typeof a === "number" ? -1 : 1;

for (const heading of document.querySelectorAll("table.sortable th")) {
  const button = document.createElement("button");
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const column = heading.cellIndex;
    const descending = heading.ariaSort === "ascending";
    const body = heading.closest("table").tBodies[0];
    for (const other of heading.parentNode.cells) other.ariaSort = null;
    heading.ariaSort = descending ? "descending" : "ascending";
    const rows = [...body.rows].sort((a, b) => compare(value(a, column), value(b, column)));
    body.append(...(descending ? rows.reverse() : rows));
  });
}
