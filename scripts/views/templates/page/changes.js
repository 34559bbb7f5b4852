// The change points as sentences, and everything else that is a finding: disagreements, cells lost, drift.

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

function step(one) {
  return h(
    "li",
    {},
    h("div", { className: "step-head" }, h("h3", {}, one.title),
      h("span", { className: "links" },
        link(one.notes, "release notes"),
        one.commits ? link(one.commits, "commits") : null,
        h("button", { type: "button", className: "quiet", onclick: () => compareReleases(one.before, one.after) }, "compare"))),
    h("ul", {}, one.told.map(told)),
  );
}

function told(one) {
  return h("li", {}, h("span", { className: `kind ${one.kind.replaceAll(" ", "-")}` }, one.kind), " ", names(one.names), ": ", said(one.text),
    one.blamed === "confounded" ? h("span", { className: "kind confounded" }, "confounded") : null,
    one.evidence ? evidence(one.evidence) : null);
}

/** What changed in torch's files; only GitHub's own pages are linked. */
function evidence(one) {
  return h("details", { className: "evidence" }, h("summary", {}, "Evidence: ", said(one.summary)),
    one.hunks.map((hunk) => h("figure", {}, h("figcaption", {}, h("code", {}, visible(`${hunk.file}:${hunk.line}`)), " ", said(hunk.text)), diff(hunk.diff))),
    one.files.length ? h("p", {}, "Files: ", one.files.map((file, place) => [place ? ", " : "", h("code", {}, visible(file))])) : null,
    one.compare?.startsWith("https://") ? h("p", {}, link(one.compare, "all commits between")) : null);
}

function diff(text) {
  const lines = text.split("\n").map((line) => h("span", { className: { "+": "plus", "-": "minus", "@": "place" }[line[0]] ?? "" }, visible(line), "\n"));
  return h("pre", { className: "diff" }, lines);
}

function showFindings() {
  const parts = [
    finding("Builds or Pythons that disagree", DATA.disagreements),
    finding("Cells without a record of their behaviour", LOST.map(why)),
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
    h("ul", {}, texts.map((text) => h("li", {}, said(text)))));
}

function why(cell) {
  const reason = cell.reason ? `: ${cell.reason.kind} (${cell.reason.stage}): ${cell.reason.message}` : "";
  const where = DATA.platforms.length > 1 ? ` on ${cell.platform}` : "";
  return `${cell.run?.asked ?? cell.id.split("/").at(-1)}${where} ${cell.status}${reason}`;
}
