// Builds the page, and applies the state in the URL and the reader's choice of light or dark mode.

const THEMES = { "": "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  $("theme").textContent = THEMES[theme];
}

function storedTheme() {
  try {
    const theme = localStorage.getItem("theme") ?? "";
    return theme in THEMES ? theme : "";
  } catch {
    return ""; // a page opened from a file may have no storage
  }
}

function nextTheme() {
  const all = Object.keys(THEMES);
  const theme = all[(all.indexOf(document.documentElement.dataset.theme ?? "") + 1) % all.length];
  showTheme(theme);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // not stored: the choice lasts until the page is closed
  }
}

/** Shows the current state. */
function showState() {
  syncFilters();
  showBands();
  showGrid();
  showComparison();
  const cell = BY_ID.get(state.cell);
  const at = DATA.names.findIndex((name) => name.name === state.at);
  if (cell) openDetails(cell, at === -1 ? null : at);
  else if ($("details").open) $("details").close();
}

/** Jumps to the table without changing the fragment, which holds the state. */
function skip(event) {
  event.preventDefault();
  $("grid-part").scrollIntoView();
  focusCell(grid.row, grid.column);
}

showTheme(storedTheme());
document.querySelector(".skip").addEventListener("click", skip);
$("theme").addEventListener("click", nextTheme);
$("details").addEventListener("close", closed);
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
addEventListener("hashchange", () => { Object.assign(state, readState()); showState(); });
showOverview();
showChanges();
showFindings();
showFilters();
showSearch();
showCompareForm();
watchGrid();
showState();
measure();
if (!isWhole()) showRows(true);
