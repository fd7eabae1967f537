"use strict";
// The data, the state in the address, and the table. charts.js draws the other tabs.
// Names of runs are only ever set as text, never as markup.

const board = JSON.parse(document.getElementById("data").textContent);
const HEADLINES = ["top1", "ari", "map"]; // scores that are columns until others are chosen
const COLLATOR = new Intl.Collator(undefined, { numeric: true });
const DEFAULTS = {
  tab: "runs", sort: "", down: "", filter: "", group: "", equal: "", mark: "1", toggled: "[]", ticked: "",
  x: "step", log: "", smooth: "0", open: "", across: "", up: "", logx: "",
};
const state = readState();

// --- state -------------------------------------------------------------------------------------

function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, given.get(key) ?? value]));
}

function remember(changes) {
  Object.assign(state, changes);
  const told = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key]);
  history.replaceState(null, "", "#" + new URLSearchParams(told));
}

function change(changes) {
  remember(changes);
  show();
}

const ticked = () => new Set(state.ticked.split(" ").filter(Boolean));
const tickedRuns = () => board.runs.filter((run) => ticked().has(run.id));

function tick(id) {
  const now = ticked();
  now.delete(id) || now.add(id);
  change({ ticked: [...now].join(" ") });
}

function toggledColumns() {
  try {
    return new Set(JSON.parse(state.toggled));
  } catch {
    return new Set();
  }
}

// --- small parts -------------------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function box(label, on, changed) {
  const input = make("input", { type: "checkbox", checked: on, onchange: () => changed(input.checked ? "1" : "") });
  return make("label", {}, input, label);
}

// A text that may be broken after the signs that join the parts of a name.
function breakable(text) {
  return text.split(/(?<=[-/._])/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
}

function choice(label, options, now, changed) {
  const select = make("select", { onchange: () => changed(select.value) });
  for (const [value, text] of options) select.append(make("option", { value, selected: value === now }, text));
  return make("label", {}, label + " ", select);
}

function shorten(number, digits = 4) {
  if (Number.isInteger(number)) return number.toLocaleString("en");
  return String(Number(number.toPrecision(digits)));
}

function scoreText(metric, [value, low, high]) {
  if (value === null) return "not finite";
  const text = (v) => (metric.unit ? (metric.factor * v).toFixed(1) : shorten(v));
  return low === null ? text(value) + metric.unit : `${text(value)}${metric.unit} (${text(low)} to ${text(high)})`;
}

// --- columns: each reads a value, tells it as text, and says how runs of a group are summed up ---

const COLUMNS = [
  { id: "state", title: "state", part: "Run", read: (run) => run.state, shown: true, fixed: true },
  { id: "seed", title: "seed", part: "Run", read: (run) => run.seed, shown: true },
  ...board.metrics.map(scoreColumn),
  { id: "pictures", title: "neighbours", part: "Run", read: () => null, shown: board.runs.some((run) => run.pictures.neighbours) },
  ...board.keys.map(settingColumn),
  ...board.cost.map(costColumn),
];
const SINGLE = { id: "name", title: "run", read: (run) => run.name };

function settingColumn(key, i) {
  return { id: "s:" + key, title: key, part: "Settings", setting: true, shown: true, read: (run) => run.settings[i] };
}

function costColumn({ name, title }, i) {
  const shown = name !== "backbone_parameters";
  return { id: "c:" + name, title, part: "Cost", number: true, shown, read: (run) => run.cost[i], tell: (value) => shorten(value, 3) };
}

function scoreColumn(metric, i) {
  const [split, protocol, measure] = metric.name.split("/");
  return {
    id: "m:" + metric.name, title: metric.name, hint: metric.words, part: `${split}/${protocol}`, metric, number: true,
    shown: HEADLINES.includes(measure), read: (run) => run.scores[i]?.[0] ?? null, cell: (run) => run.scores[i],
    tell: (value) => shorten(metric.factor * value) + metric.unit,
  };
}

function columnsFor(rows) {
  const toggled = toggledColumns();
  const runs = rows.flatMap((row) => row.runs);
  return COLUMNS.filter((column) => {
    if (toggled.has(column.id)) return isChosen(column);
    if (!column.shown || column.fixed || column.id === "pictures") return column.shown;
    return state.equal || runs.length < 2 || distinct(column, runs).size > 1;
  });
}

function isChosen(column) {
  return column.shown !== toggledColumns().has(column.id);
}

function distinct(column, runs) {
  const count = new Map();
  for (const run of runs) {
    const value = String(column.read(run));
    count.set(value, (count.get(value) ?? 0) + 1);
  }
  return count;
}

// --- rows --------------------------------------------------------------------------------------

for (const run of board.runs) {
  const settings = board.keys.map((key, i) => `${key}=${run.settings[i]}`);
  run.words = [run.name, run.state, run.reason, run.data, `seed=${run.seed}`, ...settings].join(" ").toLowerCase();
}

function filtered() {
  const wanted = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  return board.runs.filter((run) => wanted.every((word) => run.words.includes(word)));
}

function groupedRows(runs) {
  if (!state.group) return runs.map((run) => ({ name: run.name, runs: [run] }));
  const groups = new Map();
  for (const run of runs) {
    const name = groupName(run);
    if (!groups.has(name)) groups.set(name, { name, runs: [], group: true });
    groups.get(name).runs.push(run);
  }
  return [...groups.values()];
}

function groupName(run) {
  if (state.group !== "setting") return String(run.settings[board.keys.indexOf(state.group)]);
  const told = board.keys.map((key, i) => [key, run.settings[i]]).filter(([key]) => differing().has(key));
  return told.map(([key, value]) => `${key}=${value}`).join(" ") || "all runs";
}

let known = null;
function differing() {
  known ??= new Set(COLUMNS.filter((c) => c.setting && distinct(c, board.runs).size > 1).map((c) => c.title));
  return known;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values) {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

// What is sorted: a number, a text, or null for what is missing.
function sortValue(column, row) {
  if (column === SINGLE) return row.name;
  const values = row.runs.map(column.read).filter((value) => value !== null && value !== undefined);
  if (!values.length) return null;
  return row.group && values.every((value) => typeof value === "number") ? mean(values) : values[0];
}

function sorted(rows) {
  const column = [SINGLE, ...COLUMNS].find((c) => c.id === sortId()) ?? SINGLE;
  const sign = sortDown() ? -1 : 1;
  const keyed = rows.map((row) => [sortValue(column, row), row]);
  return keyed.sort(([a], [b]) => missingLast(a, b) ?? sign * ordered(a, b)).map(([, row]) => row);
}

function missingLast(a, b) {
  return a === null || b === null ? (a === null) - (b === null) : null;
}

function ordered(a, b) {
  const numbers = (typeof b === "number") - (typeof a === "number");
  if (numbers) return numbers; // numbers come before words
  return typeof a === "number" ? a - b : COLLATOR.compare(String(a), String(b));
}

// Until a column is clicked: by a score on validation items, the best first, if there is one.
function sortId() {
  return state.sort || COLUMNS.find((c) => c.shown && c.id.startsWith("m:val/"))?.id || "name";
}

function sortDown() {
  return state.sort ? state.down : sortId() !== "name";
}

function sortBy(column) {
  const again = sortId() === column.id;
  const down = again ? !sortDown() : column.metric?.better === "higher";
  change({ sort: column.id, down: down ? "1" : "" });
}

// --- the table ---------------------------------------------------------------------------------

function runsTab(view) {
  const rows = sorted(groupedRows(filtered()));
  const columns = columnsFor(rows);
  const notes = [];
  if (sortId().startsWith("m:eval/")) notes.push("Sorted by a score on test items: the first one looks better than it is. Choose by a val/… score, and read test last.");
  if (state.group && rows.some((row) => new Set(row.runs.map(settingOf)).size > 1)) notes.push("Some groups mix different settings: their spread is over these, too, not over seeds alone.");
  for (const note of notes) view.append(make("p", { className: "quiet" }, note));
  if (!rows.length) view.append(make("p", {}, "No run has all of these words."));
  view.append(make("div", { className: "scroll" }, make("table", {}, make("thead", {}, heads(columns)), lines(rows, columns))));
}

// Rows are made once for the same columns: sorting and filtering only put them in another order.
const kept = { key: "", lines: new Map() };
function lines(rows, columns) {
  const key = JSON.stringify([columns.map((c) => c.id), state.mark, state.group, state.group && state.filter]);
  if (key !== kept.key) Object.assign(kept, { key, lines: new Map() });
  const most = new Map(columns.filter((c) => c.setting).map((c) => [c.id, commonest(c)]));
  const marked = ticked();
  const body = make("tbody");
  for (const row of rows) {
    const id = row.group ? row.name : row.runs[0].id;
    if (!kept.lines.has(id)) kept.lines.set(id, line(row, columns, most));
    const found = kept.lines.get(id);
    if (!row.group) found.querySelector("input").checked = marked.has(id);
    body.append(found);
  }
  return body;
}

const settingOf = (run) => JSON.stringify(run.settings);

function commonest(column) {
  return [...distinct(column, board.runs)].sort((a, b) => b[1] - a[1])[0]?.[0];
}

function heads(columns) {
  const made = make("tr");
  for (const column of [{ ...SINGLE, title: state.group ? "group" : "run" }, ...columns]) {
    const head = make("th", { scope: "col", title: column.hint ?? "", className: column.id === "name" ? "name" : "" });
    if (column.id === sortId()) head.setAttribute("aria-sort", sortDown() ? "descending" : "ascending");
    head.append(column.id === "pictures" ? column.title : make("button", { onclick: () => sortBy(column) }, ...breakable(column.title)));
    head.dataset.column = column.id;
    made.append(head);
  }
  return made;
}

function line(row, columns, most) {
  const made = make("tr", {}, row.group ? groupCell(row) : nameCell(row.runs[0]));
  for (const column of columns) {
    const cell = column.id === "pictures" ? pictureCell(row) : column.id === "state" ? stateCell(row) : valueCell(column, row);
    if (state.mark && most.has(column.id) && row.runs.some((run) => String(column.read(run)) !== most.get(column.id))) {
      cell.classList.add("differs");
    }
    made.append(cell);
  }
  return made;
}

function nameCell(run) {
  const input = make("input", { type: "checkbox", onchange: () => tick(run.id), "aria-label": `choose ${run.name}` });
  const name = run.report ? make("a", { href: run.report, title: run.name }, ...breakable(run.name)) : make("b", { title: run.name }, ...breakable(run.name));
  return make("td", { className: "name" }, make("span", {}, input, name));
}

function groupCell(row) {
  const seeds = new Set(row.runs.map((run) => run.seed)).size;
  const size = make("small", {}, ` ${plural(row.runs.length, "run")}, ${plural(seeds, "seed")}`);
  return make("td", { className: "name", title: row.name }, make("span", {}, make("b", {}, ...breakable(row.name))), size);
}

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function pictureCell(row) {
  const uri = row.runs.find((run) => run.pictures.neighbours)?.pictures.neighbours;
  return make("td", {}, ...(uri ? [make("img", { src: uri, loading: "lazy", alt: "queries and their nearest neighbours" })] : []));
}

function stateCell(row) {
  const cell = make("td");
  for (const [name, count] of distinct({ read: (run) => run.state }, row.runs)) {
    const text = row.group ? `${count} ${name} ` : name;
    cell.append(make("span", { className: `state-${name.split(" ")[0]}` }, text));
  }
  for (const run of row.runs) {
    const reason = [run.reason, ...brokenMetrics(run)].filter(Boolean).join("; ");
    if (reason && !row.group) cell.append(make("small", { className: "reason", title: reason }, reason));
  }
  return cell;
}

function brokenMetrics(run) {
  return Object.entries(run.not_finite).map(([name, step]) => `${name} not finite at step ${step}`);
}

function valueCell(column, row) {
  if (row.group) return summaryCell(column, row.runs);
  const run = row.runs[0];
  if (column.metric) return scoreCell(column, run);
  const value = column.read(run);
  const text = value === null || value === undefined ? "" : column.tell ? column.tell(value) : String(value);
  return make("td", { className: "cut", title: text }, text);
}

function scoreCell(column, run) {
  const cell = column.cell(run);
  if (!cell) return make("td");
  const [, , , n, protocol] = cell;
  const hint = [column.metric.words, board.protocols[protocol], n === null ? "" : `${n} items`, cell[1] === null ? "" : "95 % interval"];
  const [value, ...interval] = scoreText(column.metric, cell).split(" (");
  return make("td", { title: hint.filter(Boolean).join(", ") }, value, make("small", {}, interval.map((text) => ` (${text}`).join("")));
}

// Mean and standard deviation over the runs of a group, with their number where some lack the value.
function summaryCell(column, runs) {
  const values = runs.map(column.read).filter((value) => value !== null && value !== undefined);
  if (column.number && values.length) {
    const spread = values.length > 1 ? ` ± ${column.tell(deviation(values))}` : "";
    const few = values.length < runs.length ? ` (${values.length} of ${runs.length})` : "";
    return make("td", {}, column.tell(mean(values)), make("small", {}, spread + few));
  }
  const names = [...new Set(values.map(String))];
  const text = names.length > 3 ? `${names.length} values` : names.join(", ");
  return make("td", { className: "cut", title: names.join(", ") }, text);
}

// --- controls ----------------------------------------------------------------------------------

function controls(place) {
  const search = make("input", { type: "search", id: "filter", placeholder: "filter: words or key=value", value: state.filter, "aria-label": "filter" });
  search.oninput = () => change({ filter: search.value });
  const bar = make("div", { className: "bar" }, search);
  const groups = [["", "nothing"], ["setting", "setting (all but the seed)"], ...board.keys.map((key) => [key, key])];
  bar.append(
    choice("group by", groups, state.group, (group) => change({ group })),
    box("equal columns, too", state.equal, (equal) => change({ equal })),
    box("mark differing", state.mark, (mark) => change({ mark })),
    make("span", { id: "ticked", className: "quiet" }),
  );
  place.append(bar, columnChooser());
}

function columnChooser() {
  const made = make("details", {}, make("summary", {}, "Columns"));
  made.ontoggle = () => {
    if (made.open && made.childElementCount === 1) made.append(...columnParts());
  };
  return made;
}

function columnParts() {
  const parts = new Map();
  for (const column of COLUMNS.filter((c) => !c.fixed)) {
    if (!parts.has(column.part)) parts.set(column.part, make("fieldset", {}, make("legend", {}, column.part)));
    parts.get(column.part).append(box(column.title, isChosen(column), () => toggleColumn(column.id)));
  }
  return parts.values();
}

function toggleColumn(id) {
  const now = toggledColumns();
  now.delete(id) || now.add(id);
  change({ toggled: JSON.stringify([...now]) });
}
