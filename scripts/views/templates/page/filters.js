// The filters of the table: lists of values, a range of releases, and "only changes".

const MENU = 60; // names from which on the search replaces the menu of names

const CHOICES = [
  ["python", "Python", PYTHONS.map((python) => [python, python])],
  ["build", "Build", BUILDS.map((build) => [build, build])],
  ["platform", "Platform", DATA.platforms.map((platform) => [platform, platform])],
  ["seen", "Observation", DATA.names.length > MENU ? [] : DATA.names.map((name) => [name.name, name.label])],
];

function showFilters() {
  const parts = CHOICES.filter(([, , options]) => options.length > 1).map(menu);
  fill($("filters"), parts, releaseChoice("from", "From", "first"), releaseChoice("to", "to", "last"), onlyChanges(),
    h("button", { type: "button", id: "reset", className: "quiet", onclick: reset }, "Reset"));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
}

/** A list from which any number of values can be chosen; none chosen means all. */
function menu([key, title, options]) {
  const boxes = options.map(([value, label]) =>
    h("label", {}, h("input", { type: "checkbox", name: key, value, onchange: (event) => toggle(key, value, event.target.checked) }), " ", isolated(label)));
  const summary = h("summary", {}, `${title}: `, h("b", {}, "all"));
  return h("details", { className: "menu", id: `filter-${key}`, onkeydown: closeOnEscape }, summary, h("div", { role: "group", "aria-label": title }, boxes));
}

function closeOnEscape(event) {
  if (event.key !== "Escape" || !event.currentTarget.open) return;
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary").focus();
  event.stopPropagation();
}

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
});

function releaseChoice(key, title, none) {
  const options = [h("option", { value: "" }, none), ...DATA.releases.map((release) => h("option", { value: release }, release))];
  return h("label", {}, `${title} `, h("select", { id: `filter-${key}`, onchange: (event) => choose(key, event.target.value) }, options));
}

function onlyChanges() {
  return h("label", { className: "flag" }, h("input", { type: "checkbox", id: "filter-changes", onchange: (event) => choose("changes", event.target.checked) }), " only changes");
}

function toggle(key, value, chosen) {
  if (chosen) state[key].add(value);
  else state[key].delete(value);
  changed();
}

function choose(key, value) {
  state[key] = value;
  changed();
}

/** The search by name, which applies to the overview, the table, the comparison and the details. */
function showSearch() {
  const late = delayed((text) => { state.find = text.trim(); changed(); showBands(); showComparison(); }, 60);
  fill($("search"),
    h("label", {}, "Find a name ", h("input", { type: "search", id: "find", placeholder: "part of a name", oninput: (event) => late(event.target.value) })),
    h("label", { className: "flag" }, h("input", { type: "checkbox", id: "all", onchange: (event) => { state.all = event.target.checked; changed(); showBands(); } }), " name all"));
  $("search").addEventListener("submit", (event) => event.preventDefault());
}

function delayed(work, milliseconds) {
  let timer = 0;
  return (value) => { clearTimeout(timer); timer = setTimeout(work, milliseconds, value); };
}

function reset() {
  for (const name of LISTS) state[name].clear();
  Object.assign(state, { from: "", to: "", changes: false, find: "", all: false });
  changed();
  showBands();
  showComparison();
}

function changed() {
  writeState();
  syncFilters();
  showGrid();
}

/** Sets the controls to the state. */
function syncFilters() {
  for (const [key, , options] of CHOICES) {
    const part = $(`filter-${key}`);
    if (!part) continue;
    for (const box of part.querySelectorAll("input")) box.checked = state[key].has(box.value);
    const chosen = options.filter(([value]) => state[key].has(value)).map(([, label]) => label);
    part.querySelector("summary b").textContent = chosen.length > 2 ? `${chosen.length} of ${options.length}` : visible(chosen.join(", ")) || "all";
  }
  $("filter-from").value = state.from;
  $("filter-to").value = state.to;
  $("filter-changes").checked = state.changes;
  if ($("find").value.trim() !== state.find) $("find").value = state.find;
  $("all").checked = state.all;
}
