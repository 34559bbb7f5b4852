// The overview: the behaviour in the last release, and a band for consecutive releases that behave alike.

function showOverview() {
  fill($("current"), DATA.platforms.map(currentBehaviour));
  fill($("bands"), DATA.platforms.map(bands));
  fill($("legend"), DATA.legend.map((entry) => h("div", {}, h("dt", {}, entry.mark), h("dd", {}, isolated(entry.text)))));
}

function currentBehaviour(platform) {
  const all = DATA.current[platform];
  const last = DATA.bands[platform].at(-1)?.releases.at(-1);
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
  return all.map((name, index) => [index ? ", " : "", h("b", { className: "name" }, breakable(name))]);
}

function bands(platform) {
  const all = DATA.bands[platform];
  const title = DATA.platforms.length > 1 ? h("h3", {}, platform) : null;
  const head = h(
    "tr",
    {},
    h("td", { className: "corner" }),
    all.map((band) => h("th", { scope: "col", colSpan: 1 }, band.title)),
  );
  const rows = DATA.names.map((name, at) =>
    h("tr", {}, h("th", { scope: "row" }, breakable(name.label)), segments(all, at).map((part) => segment(part, platform, at))),
  );
  return h("div", {}, title, h("div", { className: "sideways", tabIndex: 0, role: "group", "aria-label": `Bands of ${platform}` },
    roomy(all.length, h("table", { className: "bands", "aria-label": `Releases that behave alike, ${platform}` }, h("thead", {}, head), h("tbody", {}, rows)))));
}

const BAND = 132; // pixels that a band's texts need

/** Makes a table of bands as wide as their texts need; narrow screens ignore it, since they stack the bands. */
function roomy(count, table) {
  table.style.setProperty("--room", `${170 + count * BAND}px`);
  return table;
}

/** Merges neighbouring bands in which an observation is the same. */
function segments(all, at) {
  const found = [];
  for (const band of all) {
    const shown = band.shown[at];
    const last = found.at(-1);
    if (last && String(last.shown) === String(shown)) {
      last.span += 1;
      last.releases = [...last.releases, ...band.releases];
    } else found.push({ shown, span: 1, releases: [...band.releases] });
  }
  return found;
}

function segment({ releases, shown: numbers, span }, platform, at) {
  const [first, last] = [releases[0], releases.at(-1)];
  const range = first === last ? first : `${first} – ${last}`;
  const shown = numbers.map(signature);
  const content = shown.length ? shown.map(brief) : [brief(UNKNOWN)];
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
  const outcome = shown.exception ? shortName(shown.exception) : shown.outcome;
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
  const cell = RECORDED.find((candidate) => candidate.platform === platform && releases.includes(candidate.release) && candidate.signatures[at] !== NONE);
  if (cell) openDetails(cell, at);
}
