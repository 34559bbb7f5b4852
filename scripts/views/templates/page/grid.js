// The table of cells. A long table has only the visible rows in the page; the keyboard reaches all rows.

const WHOLE = 3000; // up to so many marks, all rows are in the page
const isWhole = () => grid.rows.length * (grid.columns.length + AXES.length) <= WHOLE;
const MARGIN = 15; // additional rows above and below the visible ones

const grid = { columns: [], rows: [], row: 0, column: 0, height: 30, first: 0, last: 0 };

function showGrid() {
  const columns = shownNames();
  grid.columns = columns.slice(0, COLUMNS);
  grid.rows = shownRows(grid.columns);
  grid.row = Math.min(grid.row, Math.max(0, grid.rows.length - 1));
  grid.column = Math.min(grid.column, grid.columns.length);
  const cells = grid.rows.reduce((sum, row) => sum + row.cells.length, 0);
  $("count").textContent = `${cells} of ${RECORDED.length} cells${state.changes ? ` in ${grid.rows.length} rows` : ""}${columnsNote(columns.length)}`;
  fill($("grid").tHead, headRow());
  $("grid").setAttribute("aria-rowcount", grid.rows.length + 1);
  $("grid").setAttribute("aria-colcount", grid.columns.length + AXES.length);
  showRows(true);
}

/** Which of the names have a column; empty if all have. */
function columnsNote(matching) {
  if (matching === DATA.names.length && matching <= COLUMNS) return "";
  if (state.seen.size) return "";
  const what = state.find || state.all ? "matching names" : "columns: one for each row above that fails, changes or differs";
  return matching > COLUMNS ? `; ${COLUMNS} of ${matching} ${what}` : `; ${matching} ${what}`;
}

const AXES = ["release", "build", "Python", ...(DATA.platforms.length > 1 ? ["platform"] : [])];

function headRow() {
  return h("tr", { role: "row", "aria-rowindex": "1" },
    AXES.map((title, index) => h("th", { role: "columnheader", scope: "col", className: index ? "optional" : "sticky" }, title)),
    grid.columns.map((at) => h("th", { role: "columnheader", scope: "col" }, breakable(DATA.names[at].label))));
}

/** Puts the visible rows into the page, between two spacers as high as the other rows. */
function showRows(force = false) {
  const [first, last] = visibleRows();
  if (!force && first === grid.first && last === grid.last) return;
  Object.assign(grid, { first, last });
  const rows = [];
  for (let index = first; index < last; index += 1) rows.push(bodyRow(grid.rows[index], index));
  if (!grid.rows.length) rows.push(h("tr", {}, h("td", { colSpan: grid.columns.length + AXES.length, className: "empty" }, "No cell matches the filters.")));
  fill($("grid").tBodies[0], spacer(first), rows, spacer(grid.rows.length - last));
  const reachable = Math.min(Math.max(grid.row, first), Math.max(first, last - 1));
  gridCell(reachable, grid.column)?.setAttribute("tabindex", "0");
}

function visibleRows() {
  if (grid.all || isWhole()) return [0, grid.rows.length];
  const top = Math.floor($("scroller").scrollTop / grid.height);
  const count = Math.ceil($("scroller").clientHeight / grid.height);
  const first = Math.max(0, Math.min(top, grid.rows.length - count) - MARGIN);
  return [first, Math.min(grid.rows.length, first + count + 2 * MARGIN)];
}

const spacer = (rows) => (rows > 0 ? h("tr", { className: "spacer", role: "presentation", "aria-hidden": "true" }, sized(h("td", { colSpan: grid.columns.length + AXES.length }), rows)) : []);

function sized(cell, rows) {
  cell.style.height = `${rows * grid.height}px`;
  return cell;
}

function bodyRow(row, index) {
  const { releases, build, python, platform } = axesOf(row);
  const cell = row.cells[0];
  const small = [build, `py${python}`, ...(DATA.platforms.length > 1 ? [platform] : [])].join(" · ");
  const titles = [build, python, ...(DATA.platforms.length > 1 ? [platform] : [])];
  return h("tr", { role: "row", "aria-rowindex": index + 2 },
    h("th", { role: "rowheader", scope: "row", className: "sticky", tabIndex: -1, "data-row": index, "data-column": 0, title: row.cells.length > 1 ? `${row.cells.length} cells alike` : cell.id },
      releases, h("small", { className: "narrow" }, small)),
    titles.map((text) => h("td", { className: "optional", role: "gridcell" }, text)),
    grid.columns.map((at, column) => markCell(row, at, index, column + 1)));
}

function markCell(row, at, index, column) {
  const shown = shownAt(row.cells[0], at);
  return h("td", {
    role: "gridcell",
    tabIndex: -1,
    className: `${look(shown)}${row.changed.has(at) ? " new" : ""}`,
    "data-row": index,
    "data-column": column,
    title: shown.text,
    "aria-label": `${DATA.names[at].label}: ${shown.text}${row.changed.has(at) ? ", changed" : ""}`,
  }, shown.mark);
}

const gridCell = (row, column) => $("grid").querySelector(`[data-row="${row}"][data-column="${column}"]`);

/** Moves the focus to a cell of the table, after adding it to the page and scrolling to it. */
function focusCell(row, column) {
  grid.row = Math.max(0, Math.min(row, grid.rows.length - 1));
  grid.column = Math.max(0, Math.min(column, grid.columns.length));
  reveal(grid.row);
  for (const old of $("grid").querySelectorAll('tbody [tabindex="0"]')) old.setAttribute("tabindex", "-1");
  const cell = gridCell(grid.row, grid.column);
  cell?.setAttribute("tabindex", "0");
  cell?.focus({ preventScroll: !isWhole() });
  if (!isWhole()) cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function reveal(row) {
  const scroller = $("scroller");
  if (row < grid.first || row >= grid.last) scroller.scrollTop = Math.max(0, row * grid.height - scroller.clientHeight / 2);
  showRows();
}

const STEPS = {
  ArrowDown: (row, column) => [row + 1, column],
  ArrowUp: (row, column) => [row - 1, column],
  ArrowRight: (row, column) => [row, column + 1],
  ArrowLeft: (row, column) => [row, column - 1],
  PageDown: (row, column) => [row + 10, column],
  PageUp: (row, column) => [row - 10, column],
  Home: (row, column, all) => [all ? 0 : row, 0],
  End: (row, column, all) => [all ? Infinity : row, Infinity],
};

function onGridKey(event) {
  const target = event.target.closest?.("[data-row]");
  if (!target || event.altKey || event.metaKey) return;
  const [row, column] = [Number(target.dataset.row), Number(target.dataset.column)];
  if (event.key === "Enter" || event.key === " ") openRow(row, column);
  else if (STEPS[event.key]) focusCell(...STEPS[event.key](row, column, event.ctrlKey));
  else return;
  event.preventDefault();
}

function onGridClick(event) {
  const target = event.target.closest("[data-row]");
  if (!target) return;
  const [row, column] = [Number(target.dataset.row), Number(target.dataset.column)];
  focusCell(row, column);
  openRow(row, column);
}

function openRow(row, column) {
  const { cells } = grid.rows[row];
  openDetails(cells[0], column ? grid.columns[column - 1] : null);
}

function watchGrid() {
  $("grid").addEventListener("keydown", onGridKey);
  $("grid").addEventListener("click", onGridClick);
  $("scroller").addEventListener("scroll", () => showRows(), { passive: true });
  addEventListener("resize", () => { measure(); showRows(true); });
  addEventListener("beforeprint", () => { grid.all = true; showRows(true); });
  addEventListener("afterprint", () => { grid.all = false; showRows(true); });
}

/** Measures the height of a row; on narrow screens each has two lines. */
function measure() {
  const row = $("grid").querySelector("tbody tr[aria-rowindex]");
  if (row?.offsetHeight) grid.height = row.offsetHeight;
}
