// The change points as sentences, and the other findings: disagreements, cells without a record, and drift.

const STEPS_AT_ONCE = 40;

function showChanges() {
  const list = $("steps");
  if (!DATA.steps.length) {
    list.before(h("p", {}, DATA.releases.length > 1 ? "No change between any two releases." : "One release: nothing to compare it with."));
    return;
  }
  const add = (from) => {
    list.append(...DATA.steps.slice(from, from + STEPS_AT_ONCE).map(step));
    const left = DATA.steps.length - from - STEPS_AT_ONCE;
    if (left > 0) more(left, from + STEPS_AT_ONCE);
  };
  const more = (left, from) => {
    const button = h("button", { type: "button", onclick: () => { button.remove(); add(from); } }, `Show more steps (${left} left)`);
    list.after(button);
  };
  add(0);
}

function step({ title, notes, commits, before, after, changes }) {
  return h(
    "li",
    {},
    h("div", { className: "step-head" }, h("h3", {}, title),
      h("span", { className: "links" },
        link(notes, "release notes"),
        commits ? link(commits, "commits") : null,
        h("button", { type: "button", className: "quiet", onclick: () => compareReleases(before, after) }, "compare"))),
    h("ul", {}, changes.map(change)),
  );
}

function change({ kind, names: observations, text, blamed, evidence: found }) {
  return h("li", {}, h("span", { className: `kind ${kind.replaceAll(" ", "-")}` }, kind), " ", names(observations), ": ", isolated(text),
    blamed === "confounded" ? h("span", { className: "kind confounded" }, "confounded") : null,
    found ? evidence(found) : null);
}

/** The changes in torch's own files; only https addresses are linked. */
function evidence({ summary, hunks, files, compare }) {
  return h("details", { className: "evidence" }, h("summary", {}, "Evidence: ", isolated(summary)),
    hunks.map((hunk) => h("figure", {}, h("figcaption", {}, h("code", {}, visible(`${hunk.file}:${hunk.line}`)), " ", isolated(hunk.text)), diff(hunk.diff))),
    files.length ? h("p", {}, "Files: ", files.map((file, index) => [index ? ", " : "", h("code", {}, visible(file))])) : null,
    compare?.startsWith("https://") ? h("p", {}, link(compare, "all commits between")) : null);
}

function diff(text) {
  const lines = text.split("\n").map((line) => h("span", { className: { "+": "plus", "-": "minus", "@": "hunk" }[line[0]] ?? "" }, visible(line), "\n"));
  return h("pre", { className: "diff" }, lines);
}

function showFindings() {
  const parts = [
    finding("Builds or Pythons that disagree", DATA.disagreements),
    finding("Cells without a record of their behaviour", DATA.reasons),
    finding("Drift against the accepted results", DATA.drift),
    DATA.new.length ? h("p", {}, `${DATA.new.length} cells are new: the accepted results lack them.`) : null,
  ].filter(Boolean);
  if (!parts.length) return;
  $("findings").hidden = false;
  fill($("findings"), parts);
}

const FINDINGS_OPEN = 12;

function finding(title, texts) {
  if (!texts.length) return null;
  return h("details", { open: texts.length <= FINDINGS_OPEN }, h("summary", {}, h("h2", {}, `${title} (${texts.length})`)),
    h("ul", {}, texts.map((text) => h("li", {}, isolated(text)))));
}
