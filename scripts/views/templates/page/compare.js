// Two releases side by side, on all axes that both were tested on. Axes with the same signatures share a table.

function showCompareForm() {
  fill($("compare-form"), compareChoice("a", "Compare"), compareChoice("b", "with"),
    h("label", { className: "flag" }, h("input", { type: "checkbox", id: "compare-differences", onchange: (event) => { state.differences = event.target.checked; writeState(); showComparison(); } }), " only differences"));
  $("compare-form").addEventListener("submit", (event) => event.preventDefault());
}

function compareChoice(key, title) {
  const options = [h("option", { value: "" }, "choose"), ...DATA.releases.map((release) => h("option", { value: release }, release))];
  return h("label", {}, `${title} `, h("select", { id: `compare-${key}`, onchange: (event) => { state[key] = event.target.value; writeState(); showComparison(); } }, options));
}

/** Compares two releases and scrolls to the comparison. */
function compareReleases(a, b) {
  Object.assign(state, { a, b });
  writeState();
  showComparison();
  $("compare-part").scrollIntoView();
  $("compare-a").focus({ preventScroll: true });
}

function showComparison() {
  for (const key of ["a", "b"]) $(`compare-${key}`).value = state[key];
  $("compare-differences").checked = state.differences;
  fill($("compared"), state.a && state.b ? comparison() : h("p", { className: "muted" }, "Choose two releases."));
}

function comparison() {
  const groups = pairs();
  if (!groups.length) return h("p", {}, `There is no record of both ${state.a} and ${state.b}.`);
  const links = h("p", {}, link(notesOf(state.a), `Notes of ${state.a}`), " · ", link(notesOf(state.b), `Notes of ${state.b}`));
  return [links, groups.map(comparedTable)];
}

/** Pairs of cells on the same axes, grouped by their signatures; without common axes, the first cell of each release. */
function pairs() {
  const [older, newer] = [state.a, state.b].map((release) => RECORDED.filter((cell) => cell.release === release));
  const byLine = new Map(newer.map((cell) => [lineOf(cell), cell]));
  let found = older.filter((cell) => byLine.has(lineOf(cell))).map((cell) => [cell, byLine.get(lineOf(cell))]);
  if (!found.length && older.length && newer.length) found = [[older[0], newer[0]]];
  return [...groupBy(found, ([a, b]) => `${a.seen} ${b.seen}`).values()];
}

function comparedTable(group) {
  const [a, b] = group[0];
  const only = state.differences || DATA.names.length > LISTED;
  const all = DATA.names.map((_, at) => at).filter((at) => isFound(at) && (!only || seenAt(a, at) !== seenAt(b, at)));
  const rows = all.slice(0, LISTED);
  return h("div", { className: "sideways" }, h("table", { className: "compared" },
    h("caption", {}, axesTitle(group)),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "observation"), h("th", { scope: "col" }, state.a), h("th", {}, h("span", { className: "hidden" }, "same or not")), h("th", { scope: "col" }, state.b))),
    h("tbody", {}, rows.length ? rows.map((at) => comparedRow(a, b, at)) : h("tr", {}, h("td", { colSpan: 4 }, "These two behave alike.")))), more(all.length - LISTED));
}

const AXES_SHOWN = 4;

function axesTitle(group) {
  const titles = distinct(group.map(([a, b]) => (a.axes === b.axes ? a.axes : `${a.axes} → ${b.axes}, which are not the same`) + (DATA.platforms.length > 1 ? `, ${a.platform}` : "")));
  const shown = titles.slice(0, AXES_SHOWN).join("; ");
  return titles.length > AXES_SHOWN ? `${shown}; and ${titles.length - AXES_SHOWN} more` : shown;
}

function comparedRow(a, b, at) {
  const same = seenAt(a, at) === seenAt(b, at);
  return h("tr", { className: same ? "same" : "differs" },
    h("th", { scope: "row" }, breakable(DATA.names[at].label)), comparedCell(a, at),
    h("td", { className: "sign", "aria-label": same ? "the same" : "different" }, same ? "=" : "≠"), comparedCell(b, at));
}

function comparedCell(cell, at) {
  const shown = shownAt(cell, at);
  return h("td", { className: look(shown) }, h("button", { type: "button", onclick: () => openDetails(cell, at) },
    h("span", { className: "mark" }, shown.mark), " ", isolated(shown.text)));
}
