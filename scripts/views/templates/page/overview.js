// What happens where, at a glance: how things stand now, and a band for every stretch of releases that behave alike.

function showOverview() {
  fill($("standing"), DATA.platforms.map(standing));
  fill($("bands"), DATA.platforms.map(bands));
  fill($("legend"), DATA.legend.map((entry) => h("div", {}, h("dt", {}, entry.mark), h("dd", {}, said(entry.text)))));
}

function standing(platform) {
  const all = DATA.standing[platform];
  const last = DATA.bands[platform].at(-1)?.releases.at(-1);
  if (!all.length) return null;
  const where = DATA.platforms.length > 1 ? ` on ${platform}` : "";
  return h(
    "div",
    { className: "standing" },
    h("h3", {}, `Now, in ${last}${where}`),
    h(
      "ul",
      {},
      all.map((one) =>
        h(
          "li",
          { className: look(one) },
          h("span", { className: "glyph", "aria-hidden": "true" }, one.mark),
          h("span", {}, names(one.names), " ", said(one.text)),
        ),
      ),
    ),
  );
}

function names(all) {
  return all.map((name, place) => [place ? ", " : "", h("b", { className: "name" }, breakable(name))]);
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
    h("tr", {}, h("th", { scope: "row" }, breakable(name.label)), segments(all, at).map((one) => segment(one, platform, at))),
  );
  return h("div", {}, title, h("div", { className: "sideways", tabIndex: 0, role: "group", "aria-label": `Bands of ${platform}` },
    roomy(all.length, h("table", { className: "bands", "aria-label": `Releases that behave alike, ${platform}` }, h("thead", {}, head), h("tbody", {}, rows)))));
}

const BAND = 132; // pixels that a band needs for its texts

/** A table of so many bands as wide as they need; narrow screens, which show them one below the other, don't ask. */
function roomy(many, table) {
  table.style.setProperty("--room", `${170 + many * BAND}px`);
  return table;
}

/** Neighbouring bands in which one observation is the same, as one. */
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

function segment(one, platform, at) {
  const [first, last] = [one.releases[0], one.releases.at(-1)];
  const range = first === last ? first : `${first} – ${last}`;
  const shown = one.shown.map(signature);
  const content = shown.length ? shown.map(brief) : [brief(UNKNOWN)];
  const open = () => openFirst(platform, one.releases, at);
  return h(
    "td",
    { colSpan: one.span, className: shown.length === 1 ? look(shown[0]) : shown.length ? "mixed" : "unknown" },
    h("button", { type: "button", onclick: open, title: `${range}: ${shown.map((s) => s.text).join("; or ") || "not known"}` },
      h("span", { className: "range" }, range), content),
  );
}

/** A signature in a few words: its mark, what it is, and what it says. */
function brief(shown) {
  const warnings = (shown.warnings ?? []).map(([category]) => category.split(".").at(-1));
  const what = shown.exception ? shortName(shown.exception) : shown.outcome;
  const more = shown.message && shown.exception ? shown.message.split("\n")[0].replace(/[\s:]+$/, "") : warnings.join(", ");
  return h("span", { className: "brief" }, h("span", { className: "mark" }, shown.mark), " ", h("b", {}, visible(what)),
    more ? h("small", {}, said(more)) : null,
    shown.exception && warnings.length ? h("small", {}, `with ${visible(warnings.join(", "))}`) : null);
}

function shortName(dotted) {
  const last = dotted.split(".").at(-1);
  return ["Error", "Exception", "Warning"].includes(last) && !dotted.includes("builtins") ? dotted : last;
}

function openFirst(platform, releases, at) {
  const cell = RECORDED.find((one) => one.platform === platform && releases.includes(one.release) && one.signatures[at] !== NONE);
  if (cell) openDetails(cell, at);
}
