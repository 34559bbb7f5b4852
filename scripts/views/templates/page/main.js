// Puts the page together, and follows the address and the reader's choice of light or dark.

const THEMES = { "": "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  $("theme").textContent = THEMES[theme];
}

function remembered() {
  try {
    const theme = localStorage.getItem("theme") ?? "";
    return theme in THEMES ? theme : "";
  } catch {
    return ""; // a page from a file may have no storage
  }
}

function nextTheme() {
  const all = Object.keys(THEMES);
  const theme = all[(all.indexOf(document.documentElement.dataset.theme ?? "") + 1) % all.length];
  showTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // it lasts as long as the page does
  }
}

/** Shows the state that is in the address. */
function follow() {
  syncFilters();
  showGrid();
  showComparison();
  const cell = BY_ID.get(state.cell);
  const at = DATA.names.findIndex((name) => name.name === state.at);
  if (cell) openDetails(cell, at === -1 ? null : at);
  else if ($("details").open) $("details").close();
}

/** The address holds the state, so a jump within the page must not change it. */
function skip(event) {
  event.preventDefault();
  $("grid-part").scrollIntoView();
  focusCell(grid.row, grid.column);
}

showTheme(remembered());
document.querySelector(".skip").addEventListener("click", skip);
$("theme").addEventListener("click", nextTheme);
$("details").addEventListener("close", closed);
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
addEventListener("hashchange", () => { Object.assign(state, readState()); follow(); });
showOverview();
showChanges();
showFindings();
showFilters();
showCompareForm();
watchGrid();
follow();
measure();
if (grid.rows.length > WHOLE) showRows(true);
