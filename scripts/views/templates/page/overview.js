// The overview: the behaviour in the last release, and the rows of what behaves alike over ranges of releases.

function showOverview() {
  fill($("current"), DATA.platforms.map(currentBehaviour));
  fill($("legend"), DATA.legend.map((entry) => h("div", {}, h("dt", {}, entry.mark), h("dd", {}, isolated(entry.text)))));
}

function currentBehaviour(platform) {
  const all = DATA.current[platform];
  const last = DATA.tables[platform]?.columns.at(-1)?.releases.at(-1);
  if (!all.length) return null;
  const where = DATA.platforms.length > 1 ? ` on ${platform}` : "";
  return h(
    "div",
    { className: "current" },
    h("h3", {}, `Now, in ${last}${where}`),
    h(
      "ul",
      {},
      all.map((behaviour) =>
        h(
          "li",
          { className: look(behaviour) },
          h("span", { className: "glyph", "aria-hidden": "true" }, behaviour.mark),
          h("span", {}, names(behaviour.names), " ", isolated(behaviour.text)),
        ),
      ),
    ),
  );
}

function names(all) {
  return all.map((name, index) => [index ? " " : "", h("b", { className: "name" }, breakable(name), index < all.length - 1 ? "," : "")]);
}

const AT_ONCE = 1500; // boxes of the overview at once
const rowsAtOnce = (columns) => Math.max(12, Math.min(60, Math.floor(AT_ONCE / columns)));

/** The rows and columns of each platform, of the names that match the search. */
function showBands() {
  fill($("bands"), Object.keys(DATA.tables).map((platform) => bands(platform, rowsAtOnce(DATA.tables[platform].columns.length))));
}

function bands(platform, limit) {
  const { columns, rows } = DATA.tables[platform];
  const title = DATA.platforms.length > 1 ? h("h3", {}, platform) : null;
  const head = h("tr", {}, h("td", { className: "corner" }), columns.map((column) => h("th", { scope: "col" }, column.title)));
  const shown = shownRowsOf(rows);
  const body = shown.slice(0, limit).map((row) =>
    h("tr", {}, h("th", { scope: "row" }, rowTitle(row)), segments(columns, row.shown).map((part) => segment(part, platform, row.names[0]))));
  const part = h("div", {}, title, h("div", { className: "sideways", tabIndex: 0, role: "group", "aria-label": `Bands of ${platform}` },
    roomy(columns.length, h("table", { className: "bands", "aria-label": `Releases that behave alike, ${platform}` }, h("thead", {}, head), h("tbody", {}, body)))));
  if (!shown.length) part.append(h("p", { className: "muted" }, "No name matches the search."));
  if (shown.length > limit) part.append(h("button", { type: "button", onclick: () => part.replaceWith(bands(platform, limit + 5 * rowsAtOnce(columns.length))) }, `Show more rows (${shown.length - limit} left)`));
  return part;
}

/** The rows as they are; with a search only the matching names of each; with "name all" a row for each name. */
function shownRowsOf(rows) {
  if (!state.find && !state.all) return rows;
  const found = rows.map((row) => ({ ...row, names: [...row.names, ...row.blocked].filter(isFound) })).filter((row) => row.names.length);
  if (!state.all) return found.map((row) => ({ ...row, titles: null, blocks: [] }));
  return found.flatMap((row) => row.names.map((at) => ({ ...row, names: [at], titles: null, blocks: [] })));
}

const TITLES = 30; // names of a row that are listed

function rowTitle({ titles, blocks, names: all }) {
  const shown = titles ?? all.slice(0, TITLES).map((at) => DATA.names[at].label);
  const left = titles ? 0 : all.length - TITLES;
  return [names(shown), left > 0 ? ` and ${left} more` : null,
    blocks.length ? h("small", { className: "muted" }, "blocks ", names(blocks)) : null];
}

const BAND = 132; // pixels that a column's texts need
// and those of the names, at most: a longer one breaks between its parts
const TITLE = Math.min(400, Math.max(180, 24 + 8.6 * Math.max(0, ...Object.values(DATA.tables).flatMap((table) => table.rows.flatMap((row) => [...row.titles, ...row.blocks].map((title) => title.length))))));

/** Makes a table as wide as its texts need; narrow screens ignore it, since they stack the columns. */
function roomy(count, table) {
  table.style.setProperty("--title", `${TITLE}px`);
  table.style.setProperty("--room", `${TITLE + count * BAND}px`);
  return table;
}

/** Merges neighbouring columns in which a row is the same. */
function segments(columns, shown) {
  const found = [];
  columns.forEach(({ releases }, number) => {
    const last = found.at(-1);
    if (last && String(last.shown) === String(shown[number])) {
      last.span += 1;
      last.releases = [...last.releases, ...releases];
    } else found.push({ shown: shown[number], span: 1, releases: [...releases] });
  });
  return found;
}

function segment({ releases, shown: numbers, span }, platform, at) {
  const [first, last] = [releases[0], releases.at(-1)];
  const range = first === last ? first : `${first} – ${last}`;
  const shown = numbers.map((number) => meaning(signature(number), at));
  const content = h("span", {}, shown.length ? shown.map(brief) : brief(UNKNOWN));
  const open = () => openFirst(platform, releases, at);
  return h(
    "td",
    { colSpan: span, className: shown.length === 1 ? look(shown[0]) : shown.length ? "mixed" : "unknown" },
    h("button", { type: "button", onclick: open, title: `${range}: ${shown.map((s) => s.text).join("; or ") || "not known"}` },
      h("span", { className: "range" }, range), content),
  );
}

/** A signature in a few words: its mark, its outcome or exception, and its message or warnings. */
function brief(shown) {
  const warnings = (shown.warnings ?? []).map(([category]) => category.split(".").at(-1));
  const outcome = shown.says ?? (shown.exception ? shortName(shown.exception) : shown.outcome);
  const detail = shown.message && shown.exception ? shown.message.split("\n")[0].replace(/[\s:]+$/, "") : warnings.join(", ");
  return h("span", { className: "brief" }, h("span", { className: "mark" }, shown.mark), " ", h("b", {}, visible(outcome)),
    detail ? h("small", {}, isolated(detail)) : null,
    shown.exception && warnings.length ? h("small", {}, `with ${visible(warnings.join(", "))}`) : null);
}

function shortName(dotted) {
  const last = dotted.split(".").at(-1);
  return ["Error", "Exception", "Warning"].includes(last) && !dotted.includes("builtins") ? dotted : last;
}

function openFirst(platform, releases, at) {
  const cell = RECORDED.find((candidate) => candidate.platform === platform && releases.includes(candidate.release) && seenAt(candidate, at) !== NONE);
  if (cell) openDetails(cell, at);
}
