// What the reader has chosen. All of it stands in the URL's fragment, so that a link shows the same to everybody.
// (Light or dark is the reader's own affair, and does not.)

const LISTS = ["python", "build", "platform", "seen"];
const WORDS = ["from", "to", "a", "b", "cell", "at"];
const FLAGS = ["changes", "differences"];

const state = readState();

function readState() {
  const said = new URLSearchParams(location.hash.slice(1));
  const found = {};
  for (const name of LISTS) found[name] = new Set((said.get(name) ?? "").split(",").filter(Boolean));
  for (const name of WORDS) found[name] = said.get(name) ?? "";
  for (const name of FLAGS) found[name] = said.get(name) === "1";
  return checked(found);
}

/** The state without what this report doesn't have: a link may be of an older one. */
function checked(found) {
  const known = {
    python: new Set(PYTHONS),
    build: new Set(BUILDS),
    platform: new Set(DATA.platforms),
    seen: new Set(DATA.names.map((name) => name.name)),
  };
  for (const name of LISTS) found[name] = new Set([...found[name]].filter((one) => known[name].has(one)));
  for (const name of ["from", "to", "a", "b"]) if (!DATA.releases.includes(found[name])) found[name] = "";
  if (!BY_ID.has(found.cell)) found.cell = "";
  if (!known.seen.has(found.at)) found.at = "";
  return found;
}

function fragment() {
  const said = new URLSearchParams();
  for (const name of LISTS) if (state[name].size) said.set(name, [...state[name]].join(","));
  for (const name of WORDS) if (state[name]) said.set(name, state[name]);
  for (const name of FLAGS) if (state[name]) said.set(name, "1");
  return said.toString();
}

/** Writes the state into the address, without a step in the browser's history for each click. */
function writeState() {
  const said = fragment();
  history.replaceState(null, "", said ? `#${said}` : location.pathname + location.search);
}
