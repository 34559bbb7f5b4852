// Which rows and columns the table has, by the state. Nothing here touches the page.

/** The places of the observations that are shown. */
function shownNames() {
  return DATA.names.map((_, at) => at).filter((at) => !state.seen.size || state.seen.has(DATA.names[at].name));
}

/** The rows: each the cells that it stands for, with what of them is new against the row above. */
function shownRows(columns) {
  const rows = [];
  for (const cell of RECORDED) {
    if (!wanted(cell)) continue;
    const above = rows.at(-1)?.cells[0];
    const fresh = above && above.seen !== cell.seen ? columns.filter((at) => above.signatures[at] !== cell.signatures[at]) : [];
    if (above && state.changes && !fresh.length) rows.at(-1).cells.push(cell);
    else rows.push({ cells: [cell], fresh: new Set(fresh) });
  }
  return rows;
}

function wanted(cell) {
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

/** What a row is about, for its first columns. */
function about(row) {
  const [first, last] = [row.cells[0].release, row.cells.at(-1).release];
  const [builds, pythons, platforms] = ["build", "python", "platform"].map((key) => distinct(row.cells.map((cell) => cell[key])));
  return {
    releases: first === last ? first : `${first} – ${last}`,
    build: builds.length === 1 ? builds[0] : `${builds.length} builds`,
    python: pythons.sort(byNumbers).join(", "),
    platform: platforms.join(", "),
  };
}
