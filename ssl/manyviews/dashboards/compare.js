"use strict";
// The tab of runs side by side; then the tabs, and loading the page again.

const MOST_COMPARED = 5;

// --- runs side by side -----------------------------------------------------------------------------

function compareTab(view) {
  const runs = tickedRuns();
  if (runs.length < 2 || runs.length > MOST_COMPARED) {
    const now = runs.length ? `; ${runs.length} are ticked now` : "";
    return void view.append(make("p", {}, `Tick 2 to ${MOST_COMPARED} runs in the table to see them side by side${now}.`));
  }
  view.append(make("h2", {}, "Runs"), legend(runs), sideBySide(runs), make("h2", {}, "Differences over the same test items"), ...pairParts(runs));
  view.append(make("h2", {}, "Curves"), curveControls());
  curveParts(view, runs, openParts());
}

const letter = (i) => String.fromCharCode(65 + i);

function sideBySide(runs) {
  const body = make("tbody");
  const row = (title, cells) => body.append(make("tr", {}, make("th", { scope: "row" }, ...breakable(title)), ...cells));
  row("state", runs.map((run) => stateCell({ runs: [run] })));
  row("report", runs.map((run) => make("td", {}, run.report ? make("a", { href: run.report }, "report") : "none")));
  for (const column of COLUMNS.filter((c) => c.id === "seed" || (c.setting && distinct(c, runs).size > 1))) {
    row(column.title, runs.map((run) => make("td", {}, String(column.read(run) ?? ""))));
  }
  for (const column of COLUMNS.filter((c) => c.metric && isChosen(c) && runs.some((run) => c.read(run) !== null))) {
    row(column.title, bestMarked(column, runs));
  }
  for (const column of COLUMNS.filter((c) => c.part === "Cost" && isChosen(c))) {
    row(column.title, runs.map((run) => valueCell(column, { runs: [run] })));
  }
  for (const kind of ["views", "neighbours"]) {
    if (runs.some((run) => run.pictures[kind])) row(kind, runs.map((run) => make("td", {}, ...imageOf(run, kind))));
  }
  const heads = runs.map((run, i) => make("th", { scope: "col" }, make("b", {}, letter(i)), " ", ...breakable(run.name)));
  return make("div", { className: "scroll" }, make("table", { className: "compared" }, make("thead", {}, make("tr", {}, make("th"), ...heads)), body));
}

const imageOf = (run, kind) => (run.pictures[kind] ? [make("img", { src: run.pictures[kind], alt: kind })] : []);

function bestMarked(column, runs) {
  const values = runs.map(column.read);
  const known = values.filter((v) => v !== null);
  const best = column.metric.better === "lower" ? Math.min(...known) : column.metric.better ? Math.max(...known) : null;
  return runs.map((run, i) => {
    const cell = scoreCell(column, run);
    if (best !== null && known.length > 1 && values[i] === best) cell.classList.add("best");
    return cell;
  });
}

function pairParts(runs) {
  const body = make("tbody"), untold = [];
  runs.forEach((a, i) => runs.slice(i + 1).forEach((b) => {
    const pair = board.pairs.find((p) => [p.first, p.second].includes(a.id) && [p.first, p.second].includes(b.id));
    if (pair) body.append(...pairRows(pair, runs));
    else untold.push([a, b]);
  }));
  const titles = ["first minus second", "protocol", "measure", "difference (95 % interval)", ""].map((text) => make("th", {}, text));
  const table = make("table", { className: "compared" }, make("thead", {}, make("tr", {}, ...titles)), body);
  const parts = body.childElementCount ? [make("div", { className: "scroll" }, table)] : [];
  if (untold.length) {
    const paths = [...new Set(untold.flat().map((run) => run.path))].join(" ");
    parts.push(make("p", {}, `${body.childElementCount ? "The other pairs are" : "They are"} not in this page. If the runs were evaluated on the same test items, this prints them: `, make("code", {}, `manyviews compare ${paths}`)));
  }
  return parts;
}

function pairRows(pair, runs) {
  const [first, second] = [pair.first, pair.second].map((id) => letter(runs.findIndex((run) => run.id === id)));
  const cells = (...texts) => make("tr", {}, ...texts.map((text) => make("td", {}, text)));
  const title = `${first} minus ${second}`;
  const rows = pair.differences.map((row) => {
    const { factor, unit } = board.metrics.find((m) => m.name.endsWith(`/${row.protocol}/${row.metric}`)) ?? { factor: 1, unit: "" };
    const [value, low, high] = [row.value, row.low, row.high].map((v) => (v >= 0 ? "+" : "") + (unit ? (factor * v).toFixed(1) : shorten(v)));
    const said = row.differ === null ? "too few groups" : row.differ ? "" : "not distinguishable";
    return cells(title, row.protocol, row.metric, `${value} (${low} to ${high})${unit && " points"}`, said);
  });
  const share = (v) => `${(100 * v).toFixed(1)} %`;
  const apart = pair.disagreements.map((row) => cells(title, row.protocol, "disagreement", share(row.share), `errors ${share(row.errors[0])} and ${share(row.errors[1])}`));
  return [...rows, ...apart];
}

// --- tabs ------------------------------------------------------------------------------------------

const TABS = { runs: ["Runs", runsTab], curves: ["Curves", curvesTab], scatter: ["Scatter", scatterTab], parallel: ["Parallel", parallelTab], compare: ["Compare", compareTab] };

function show() {
  const view = document.getElementById("view");
  const scrolled = view.querySelector(".scroll");
  const [x, y] = [scrolled?.scrollLeft ?? 0, scrolled?.scrollTop ?? 0];
  watchSight();
  view.replaceChildren();
  (TABS[state.tab] ?? TABS.runs)[1](view);
  view.querySelector(".scroll")?.scrollTo(x, y);
  for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-selected", tab.value === state.tab);
  showTicked();
}

function showTicked() {
  const n = ticked().size;
  const clear = make("button", { onclick: () => change({ ticked: "" }) }, "clear");
  document.getElementById("ticked").replaceChildren(...(n ? [`${plural(n, "run")} ticked `, clear] : []));
}

function begin() {
  const count = [...distinct({ read: (run) => run.state }, board.runs)].map(([name, n]) => `${n} ${name}`).join(", ");
  const again = board.every ? `, written again every ${board.every} s` : "";
  document.getElementById("about").textContent = `${plural(board.runs.length, "run")}: ${count}. Written ${board.written}${again}.`;
  for (const [value, [title]] of Object.entries(TABS)) {
    document.getElementById("tabs").append(make("button", { value, role: "tab", onclick: () => change({ tab: value }) }, title));
  }
  controls(document.getElementById("choice"));
  show();
  let waiting = null;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => state.tab === "runs" || show(), 200);
  });
  if (board.every) setInterval(reload, 1000 * board.every);
}

// The state is in the address, so that it stays; nobody is interrupted while typing or looking away.
function reload() {
  const typing = document.activeElement?.matches("input[type=search], select");
  if (!typing && !document.hidden) location.reload();
}

begin();
