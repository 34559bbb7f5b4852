// The records: the JSON in the page, with names in place of numbers. scripts/views/page.py writes it.

const DATA = JSON.parse($("data").textContent);
const NONE = -1;

const CELLS = DATA.cells.map((cell, index) => {
  const [platform, build, python, axes] = DATA.axes[cell.p];
  const release = DATA.releases[cell.r];
  return {
    index,
    release,
    order: cell.r,
    platform,
    build,
    python,
    axes,
    id: `${platform}/${release}-${build}-py${python}`,
    status: cell.status ?? "recorded",
    reason: cell.reason,
    seen: cell.s,
    signatures: DATA.seen[cell.s],
    traced: new Map(cell.t === undefined ? [] : DATA.traced[cell.t]),
    packages: cell.k === undefined ? null : DATA.packages[cell.k],
    torch: cell.v === undefined ? null : DATA.torches[cell.v],
    wheel: cell.w ?? null,
    run: cell.run ?? null,
  };
});
const RECORDED = CELLS.filter((cell) => cell.status === "recorded");
const BY_ID = new Map(CELLS.map((cell) => [cell.id, cell]));

/** The cells of each combination of axes, in release order. */
const LINES = groupBy(RECORDED, lineOf);

function lineOf(cell) {
  return `${cell.platform} ${cell.axes}`;
}

function groupBy(values, key) {
  const groups = new Map();
  for (const value of values) {
    const name = key(value);
    if (groups.has(name)) groups.get(name).push(value);
    else groups.set(name, [value]);
  }
  return groups;
}

const UNKNOWN = { mark: "?", text: "not known", outcome: "unknown" };

/** The signature with a number, or `UNKNOWN` for `NONE`. */
const signature = (number) => (number === NONE ? UNKNOWN : DATA.signatures[number]);

const GOOD = new Set(["returned", "passed"]);

/** The number of the signature of a name in a cell; names that are alike in every cell share a class. */
const seenAt = (cell, at) => cell.signatures[DATA.names[at].class];

/** The signature of a name in a cell; a pass that asserts a known defect has its mark and sentence. */
const shownAt = (cell, at) => meaning(signature(seenAt(cell, at)), at);

function meaning(shown, at) {
  const { defect } = DATA.names[at];
  if (!defect || !GOOD.has(shown.outcome)) return shown;
  return { ...shown, mark: shown.mark.replace("✓", "✓*"), text: `${defect} (${shown.text})`, says: defect };
}

/** The CSS classes of a signature: one for its outcome, and another if it has warnings. */
function look(shown) {
  const kind = GOOD.has(shown.outcome)
    ? "good"
    : { blocked: "blocked", skipped: "blocked", unknown: "unknown" }[shown.outcome] ?? "bad";
  return shown.warnings?.length ? `${kind} warned` : kind;
}

/** A mark with its meaning as a tooltip, which screen readers read out. */
const mark = (shown) => h("span", { className: `mark ${look(shown)}`, title: shown.text }, shown.mark);

const notesOf = (release) => DATA.notes + encodeURIComponent(release);

const distinct = (values) => [...new Set(values)];
const PYTHONS = distinct(DATA.axes.map(([, , python]) => python)).sort(byNumbers);
const BUILDS = distinct(DATA.axes.map(([, build]) => build)).sort(byNumbers);

function byNumbers(a, b) {
  return a.localeCompare(b, "en", { numeric: true });
}
