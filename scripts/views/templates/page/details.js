// The details of a cell: its observations, the releases that behave alike, tracebacks, and the environment.

function openDetails(cell, at) {
  Object.assign(state, { cell: cell.id, at: at === null ? "" : DATA.names[at].name });
  writeState();
  fill($("details"), head(cell, at), h("div", { className: "details-body" }, detailParts(cell, at)));
  if (!$("details").open) $("details").showModal();
  $("details").scrollTop = 0;
}

function detailParts(cell, at) {
  const shown = at === null ? null : shownAt(cell, at);
  return [
    shown ? observed(shown, cell, at) : everything(cell),
    shown ? traceback(cell, at) : null,
    alikeCells(cell, at),
    environment(cell),
    cell.run ? runPart(cell.run) : null,
  ];
}

function closed() {
  Object.assign(state, { cell: "", at: "" });
  writeState();
}

function head(cell, at) {
  const title = at === null ? `torch ${cell.release}` : DATA.names[at].label;
  const line = LINES.get(lineOf(cell)) ?? [];
  const position = line.indexOf(cell);
  const go = (to, text) => {
    const other = line[to];
    return h("button", { type: "button", disabled: !other, onclick: () => { openDetails(other, at); focusAgain(text); } }, other ? (text === "before" ? `← ${other.release}` : `${other.release} →`) : text === "before" ? "← first" : "last →");
  };
  return h("div", { className: "details-head" },
    h("div", { className: "details-nav" }, go(position - 1, "before"), go(position + 1, "after"),
      h("button", { type: "button", className: "close", "aria-label": "Close", onclick: () => $("details").close() }, "✕")),
    h("h2", { id: "details-title" }, at === null ? title : [visible(title), h("span", { className: "in" }, ` in ${cell.release}`)]),
    h("p", {}, `${cell.build} · Python ${cell.python} · ${cell.platform} · ${cell.run ? "recorded here" : "accepted result"}`));
}

function focusAgain(text) {
  const [before, after] = $("details").querySelectorAll(".details-nav button");
  const wanted = text === "before" ? before : after;
  (wanted.disabled ? $("details").querySelector(".close") : wanted).focus();
}

function observed(shown, cell, at) {
  return [
    h("p", { className: `verdict ${look(shown)}` }, h("span", { className: "mark" }, shown.mark), " ", isolated(shown.text)),
    h("p", { className: "muted" }, `Alike on these axes: ${alikeRange(cell, at)}.`),
    shown.exception ? [h("h3", {}, "Exception"), h("p", {}, h("code", {}, visible(shown.exception)), shown.bases?.length ? [" ← ", shown.bases.map((base, index) => [index ? " ← " : "", h("code", {}, visible(base))])] : null)] : null,
    shown.message ? [h("h3", {}, "Message"), block(shown.message)] : null,
    shown.warnings?.length ? [h("h3", {}, "Warnings"), shown.warnings.map(([category, text]) => [h("p", {}, h("code", {}, visible(category))), block(text)])] : null,
  ];
}

/** The releases around a cell on the same axes in which an observation has the same signature. */
function alikeRange(cell, at) {
  const line = LINES.get(lineOf(cell));
  let [low, high] = [line.indexOf(cell), line.indexOf(cell)];
  while (low > 0 && seenAt(line[low - 1], at) === seenAt(cell, at)) low -= 1;
  while (high < line.length - 1 && seenAt(line[high + 1], at) === seenAt(cell, at)) high += 1;
  return low === high ? line[low].release : `${line[low].release} – ${line[high].release}`;
}

const LISTED = 200; // names in the details of a cell and in a comparison

/** The results of a cell, of many those first that are not good. */
function everything(cell) {
  const all = DATA.names.map((_, at) => at).filter((at) => isFound(at));
  const rank = (at) => (GOOD.has(shownAt(cell, at).outcome) ? 1 : 0);
  const ordered = all.length > LISTED ? all.toSorted((a, b) => rank(a) - rank(b)) : all;
  return [h("h3", {}, "Observations and tests"), h("ul", { className: "observations" }, ordered.slice(0, LISTED).map((at) =>
    h("li", {}, h("button", { type: "button", className: "quiet", onclick: () => { openDetails(cell, at); $("details").querySelector(".close").focus(); } }, mark(shownAt(cell, at)), " ", h("b", {}, visible(DATA.names[at].label))),
      " ", isolated(shownAt(cell, at).text)))), more(ordered.length - LISTED)];
}

/** A note on names that are not listed. */
const more = (count) => (count > 0 ? h("p", { className: "muted" }, `and ${count} more: search by name to see them`) : null);

function traceback(cell, at) {
  const number = cell.traced.get(at);
  if (number === undefined) return null;
  return [h("h3", {}, "Traceback"), h("ol", { className: "frames" }, DATA.tracebacks[number].map(([file, line, called]) =>
    h("li", {}, sourceLink(cell, file, line), " in ", h("code", {}, visible(called)))))];
}

const COMMIT = /^[0-9a-f]{7,40}$/;
const REPOSITORY = "https://github.com/pytorch/pytorch";

/** A line of torch's own source, linked at the commit that the wheel was built from. */
function sourceLink(cell, file, line) {
  const text = h("code", {}, visible(`${file}:${line}`));
  const commit = cell.torch?.[1] ?? "";
  if (!/^torch\/[\w/.-]+\.py$/.test(file) || file.includes("..") || !COMMIT.test(commit)) return text;
  return link(`${REPOSITORY}/blob/${commit}/${file}#L${Number(line)}`, text);
}

/** The cells in the same row of the table. */
function alikeCells(cell, at) {
  const alike = grid.rows.find((row) => row.cells.includes(cell))?.cells ?? [];
  if (alike.length < 2) return null;
  const shown = alike.slice(0, 60);
  return h("details", {}, h("summary", {}, `${alike.length} cells alike`), h("p", { className: "cells" }, shown.map((other) =>
    [h("button", { type: "button", className: "quiet", disabled: other === cell, onclick: () => { openDetails(other, at); $("details").querySelector(".close").focus(); } }, other.id.split("/").at(-1)), " "]),
    alike.length > shown.length ? `and ${alike.length - shown.length} more` : null));
}

function environment(cell) {
  const [version, commit, cuda] = cell.torch ?? [];
  const [file, sha256, index] = cell.wheel ?? [];
  return [h("h3", {}, "Environment"), facts([
    ["torch", version], ["CUDA", cuda],
    ["commit", commit && COMMIT.test(commit) ? link(`${REPOSITORY}/commit/${commit}`, commit) : commit],
    ["release", link(notesOf(cell.release), `notes of ${cell.release}`)],
    ["wheel", file], ["sha256", sha256], ["index", index],
  ]), cell.packages ? h("details", {}, h("summary", {}, `${Object.keys(cell.packages).length} packages`), facts(Object.entries(cell.packages))) : null];
}

function runPart(run) {
  const taken = Object.entries(run.timings ?? {}).map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)} s`);
  return [h("h3", {}, "Run"), facts([
    ["asked for", run.asked], ["recorded at", run.recorded_at], ["machine", run.machine], ["log", run.log],
    ["wheels", run.bytes ? `${(run.bytes / 1e6).toFixed(0)} MB` : null], ["took", taken.join(", ")],
  ])];
}

const facts = (pairs) => h("dl", { className: "facts" }, pairs.filter(([, value]) => value).map(([name, value]) =>
  h("div", {}, h("dt", {}, visible(name)), h("dd", {}, typeof value === "string" ? isolated(value) : value))));
