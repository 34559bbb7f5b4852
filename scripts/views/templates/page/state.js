// The state of the page: filters, comparison and opened cell. The URL's fragment holds it, so that links can be shared.
// Light or dark mode is each reader's own choice and is not part of it.

const LISTS = ["python", "build", "platform", "seen"];
const WORDS = ["from", "to", "a", "b", "cell", "at", "find"];
const FLAGS = ["changes", "differences", "all"];

const state = readState();

function readState() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const found = {};
  for (const name of LISTS) found[name] = new Set((parameters.get(name) ?? "").split(",").filter(Boolean));
  for (const name of WORDS) found[name] = parameters.get(name) ?? "";
  for (const name of FLAGS) found[name] = parameters.get(name) === "1";
  return checked(found);
}

/** The state without values that this report lacks: a link may come from an older report. */
function checked(found) {
  const known = {
    python: new Set(PYTHONS),
    build: new Set(BUILDS),
    platform: new Set(DATA.platforms),
    seen: new Set(DATA.names.map((name) => name.name)),
  };
  for (const name of LISTS) found[name] = new Set([...found[name]].filter((value) => known[name].has(value)));
  for (const name of ["from", "to", "a", "b"]) if (!DATA.releases.includes(found[name])) found[name] = "";
  if (!BY_ID.has(found.cell)) found.cell = "";
  if (!known.seen.has(found.at)) found.at = "";
  return found;
}

function fragment() {
  const parameters = new URLSearchParams();
  for (const name of LISTS) if (state[name].size) parameters.set(name, [...state[name]].join(","));
  for (const name of WORDS) if (state[name]) parameters.set(name, state[name]);
  for (const name of FLAGS) if (state[name]) parameters.set(name, "1");
  return parameters.toString();
}

/** Writes the state to the URL's fragment, without adding an entry to the browser's history. */
function writeState() {
  const text = fragment();
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}
