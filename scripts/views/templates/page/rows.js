// The rows and columns of the table for a state. Nothing here touches the page.

const FEW = 12; // so many names are all columns; of more, one of each row that fails, changes or differs
const COLUMNS = 30; // columns of the table at once

/** True if a name matches the search. */
function isFound(at) {
  return !state.find || SEARCHED[at].includes(state.find.toLowerCase());
}
const SEARCHED = DATA.names.map((name) => name.name.toLowerCase());

/** The names of which there is a column. */
function shownNames() {
  const all = DATA.names.map((_, at) => at);
  if (state.seen.size) return all.filter((at) => state.seen.has(DATA.names[at].name));
  if (state.find || state.all || all.length <= FEW) return all.filter(isFound);
  const rows = Object.values(DATA.tables).flatMap((table) => table.rows.filter((row) => row.listed));
  return distinct(rows.map((row) => row.names[0])).toSorted((a, b) => a - b);
}

/** The rows, each with its cells and the columns that differ from the row above. */
function shownRows(columns) {
  const rows = [];
  for (const cell of RECORDED) {
    if (!isShown(cell)) continue;
    const above = rows.at(-1)?.cells[0];
    const changed = above && above.seen !== cell.seen ? columns.filter((at) => seenAt(above, at) !== seenAt(cell, at)) : [];
    if (above && state.changes && !changed.length) rows.at(-1).cells.push(cell);
    else rows.push({ cells: [cell], changed: new Set(changed) });
  }
  return rows;
}

function isShown(cell) {
  const [low, high] = bounds();
  return (
    cell.order >= low &&
    cell.order <= high &&
    (!state.python.size || state.python.has(cell.python)) &&
    (!state.build.size || state.build.has(cell.build)) &&
    (!state.platform.size || state.platform.has(cell.platform))
  );
}

function bounds() {
  return [state.from ? DATA.releases.indexOf(state.from) : 0, state.to ? DATA.releases.indexOf(state.to) : DATA.releases.length - 1];
}

/** The texts of a row's first columns: releases, build, Python and platform. */
function axesOf(row) {
  const [first, last] = [row.cells[0].release, row.cells.at(-1).release];
  const [builds, pythons, platforms] = ["build", "python", "platform"].map((key) => distinct(row.cells.map((cell) => cell[key])));
  return {
    releases: first === last ? first : `${first} – ${last}`,
    build: builds.length === 1 ? builds[0] : `${builds.length} builds`,
    python: pythons.sort(byNumbers).join(", "),
    platform: platforms.join(", "),
  };
}
