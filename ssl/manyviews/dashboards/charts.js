"use strict";
// The tabs of curves, scatter and parallel coordinates.

const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#a6761d"];
const MOST_LINES = 40; // runs drawn at once; more cannot be told apart
const AXES = { step: "step", epoch: "epoch", time: "training time, s", images: "images" };
const LOWER_IS_BETTER = { images_per_s: false, seconds: true, memory: true, parameters: true, backbone_parameters: true };

function colour(i) {
  return COLOURS[i] ?? `hsl(${Math.round((i * 137.5) % 360)} 60% 50%)`;
}

// --- curves: unpacked when they are drawn --------------------------------------------------------

function unpacked(curve) {
  const bytes = Uint8Array.from(atob(curve.bytes), (sign) => sign.charCodeAt(0));
  const numbers = new Uint16Array(bytes.buffer);
  const n = numbers.length / 2;
  const [low, high] = curve.log ? [Math.log(curve.low), Math.log(curve.high)] : [curve.low, curve.high];
  const steps = [], values = [];
  let step = curve.first;
  for (let i = 0; i < n; i++) {
    step += numbers[i] * curve.unit;
    const value = low + (numbers[n + i] / 65535) * (high - low);
    steps.push(step);
    values.push(curve.log ? Math.exp(value) : value);
  }
  return { steps, values };
}

// Return the steps on the chosen axis, null if the run does not tell it.
function onAxis(run, steps) {
  if (state.x === "epoch") return run.epoch ? steps.map((step) => step / run.epoch) : null;
  if (state.x === "images") return run.images ? steps.map((step) => step * run.images) : null;
  if (state.x === "time") return run.seconds ? timesAt(unpacked(run.seconds), steps) : null;
  return steps;
}

// Linear between known steps; before the first and after the last at the speed there.
function timesAt({ steps: known, values }, steps) {
  let i = 0;
  return steps.map((step) => {
    while (i < known.length - 2 && known[i + 1] < step) i++;
    if (known.length === 1 || step < known[0]) return (values[0] * step) / known[0];
    return values[i] + ((values[i + 1] - values[i]) * (step - known[i])) / (known[i + 1] - known[i]);
  });
}

// Exponential moving mean that is not drawn towards zero at its beginning.
function smoothed(values, weight) {
  let sum = 0, weights = 0;
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    weights = weight * weights + (1 - weight);
    return sum / weights;
  });
}

function lineOf(run, i, metric, stroke) {
  const packed = run.curves[i];
  if (!packed) return null;
  const { steps, values } = unpacked(packed);
  const x = onAxis(run, steps);
  if (!x) return null;
  const y = smoothed(values, Number(state.smooth)).map((v) => (state.log && v <= 0 ? null : v * metric.factor));
  return { name: run.name, x, y, stroke };
}

function curvesTab(view) {
  const { runs, told } = drawnRuns();
  view.append(curveControls(), make("p", { className: "quiet" }, told), legend(runs));
  curveParts(view, runs, openParts());
}

function drawnRuns() {
  const chosen = tickedRuns();
  const all = chosen.length ? chosen : sorted(filtered().map((run) => ({ name: run.name, runs: [run] }))).map((row) => row.runs[0]);
  const runs = all.filter((run) => Object.keys(run.curves).length).slice(0, MOST_LINES);
  const which = chosen.length ? "ticked runs" : "runs that the filter leaves, in the order of the table; tick some to see these alone";
  return { runs, told: `${runs.length} of ${all.length} ${which}.` };
}

function curveControls() {
  const slider = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: state.smooth });
  slider.onchange = () => change({ smooth: slider.value });
  return make("div", { className: "bar" },
    choice("x", Object.entries(AXES), state.x, (x) => change({ x })),
    make("label", {}, "smoothing ", slider),
    box("logarithmic y", state.log, (log) => change({ log })));
}

function legend(runs) {
  const list = make("ul", { className: "legend" });
  runs.forEach((run, i) => {
    const swatch = svg("svg", { viewBox: "0 0 14 10" }, svg("rect", { width: 14, height: 10, rx: 2, fill: colour(i) }));
    list.append(make("li", {}, swatch, run.name));
  });
  return list;
}

const prefix = (name) => (name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : "others");

function openParts() {
  if (state.open) return new Set(JSON.parse(state.open));
  return new Set(board.curves.map((m) => prefix(m.name)).filter((part) => part === "train" || part.startsWith("online")));
}

// The metrics as a list by prefix; a chart is drawn when it comes into sight.
function curveParts(view, runs, open) {
  const parts = new Map();
  board.curves.forEach((metric, i) => {
    if (!runs.some((run) => run.curves[i])) return;
    const part = prefix(metric.name);
    parts.set(part, [...(parts.get(part) ?? []), { metric, i }]);
  });
  for (const [part, metrics] of parts) {
    const charts = make("div", { className: "charts" });
    const made = make("details", { open: open.has(part) }, make("summary", {}, `${part} (${metrics.length})`), charts);
    for (const { metric, i } of metrics) charts.append(lazyChart((place) => curveChart(place, metric, i, runs)));
    made.ontoggle = () => {
      if (made.open === open.has(part)) return;
      made.open ? open.add(part) : open.delete(part);
      remember({ open: JSON.stringify([...open]) });
    };
    view.append(made);
  }
}

let sight = null;
function lazyChart(draw) {
  const place = make("div", { className: "chart" });
  place.draw = draw;
  sight.observe(place);
  return place;
}

function watchSight() {
  sight?.disconnect();
  sight = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      sight.unobserve(target);
      target.draw(target);
    }
  }, { rootMargin: "200px" });
}

function curveChart(place, metric, i, runs) {
  const lines = runs.map((run, k) => lineOf(run, i, metric, colour(k))).filter((line) => line?.x.length);
  const title = metric.name + (metric.unit ? `,${metric.unit}` : "");
  place.append(make("h3", {}, title));
  if (!lines.length) {
    place.append(make("p", { className: "quiet" }, `None of these runs tells it by ${AXES[state.x]}.`));
    return;
  }
  lineChart(place, lines, AXES[state.x]);
}

// --- uPlot ---------------------------------------------------------------------------------------

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function axis(label, more = {}) {
  const line = { stroke: ink("--line"), width: 1, size: 6 };
  return { label, labelSize: label ? 20 : 0, size: 30, font: "11px system-ui", labelFont: "12px system-ui", stroke: ink("--ink"), grid: line, ticks: line, ...more };
}

const widthOf = (value) => 22 + 7 * Math.max(0, ...(value ?? []).map((text) => String(text).length));
const yAxis = (more = {}) => axis("", { size: (u, values) => widthOf(values), ...more });

function lineChart(place, lines, xTitle) {
  const said = make("p", { className: "said" });
  const series = lines.map(({ name, stroke }) => ({ label: name, stroke, width: 1.5, spanGaps: true, points: { show: false } }));
  const tell = (u, k) => {
    const at = k === null ? null : u.cursor.idxs[k];
    const y = at === null || at === undefined ? null : u.data[k][at];
    said.textContent = y === null || y === undefined ? "" : `${lines[k - 1].name}: ${shorten(y)} at ${xTitle} ${shorten(u.data[0][at])}`;
  };
  let near = null;
  const options = {
    width: place.clientWidth, height: 240, legend: { show: false }, series: [{}, ...series],
    scales: { x: { time: false }, y: { distr: state.log ? 3 : 1 } },
    axes: [axis(xTitle), yAxis()],
    focus: { alpha: 0.2 },
    cursor: { focus: { prox: 20 }, hover: { skip: [null, undefined], prox: 30 } },
    hooks: {
      setSeries: [(u, k) => { near = k; tell(u, near); }],
      setCursor: [(u) => tell(u, near)],
    },
  };
  new uPlot(options, uPlot.join(lines.map(({ x, y }) => [x, y])), place);
  place.append(said);
}

// --- scatter of a setting or cost against a score -----------------------------------------------

function scatterTab(view) {
  const [xs, ys] = [axisColumns(), COLUMNS.filter((c) => c.metric)];
  if (!ys.length) return void view.append(make("p", {}, "No run has a score yet."));
  const x = xs.find((c) => c.id === state.across) ?? xs.find((c) => c.id === "c:seconds") ?? xs[0];
  const y = ys.find((c) => c.id === state.up) ?? defaultScore();
  const named = (columns) => columns.map((c) => [c.id, c.title]);
  view.append(make("div", { className: "bar" },
    choice("setting or cost", named(xs), x.id, (across) => change({ across })),
    choice("score", named(ys), y.id, (up) => change({ up })),
    box("logarithmic x", state.logx, (logx) => change({ logx }))));
  view.append(lazyChart((place) => scatterChart(place, x, y)));
}

const axisColumns = () => COLUMNS.filter((c) => c.part === "Cost" || (c.setting && differing().has(c.title)));
const defaultScore = () => COLUMNS.find((c) => c.id === sortId() && c.metric) ?? COLUMNS.find((c) => c.metric && c.shown) ?? COLUMNS.find((c) => c.metric);
const lowerIsBetter = (x) => LOWER_IS_BETTER[x.id.slice(2)];

function scatterPoints(x, y) {
  const runs = filtered().filter((run) => typeof y.read(run) === "number" && x.read(run) !== null);
  const words = runs.some((run) => typeof x.read(run) !== "number");
  const names = words ? [...new Set(runs.map((run) => String(x.read(run))))].sort(COLLATOR.compare) : null;
  const place = (run) => (words ? names.indexOf(String(x.read(run))) : x.read(run));
  const points = runs.map((run) => ({ run, x: place(run), y: y.read(run) * y.metric.factor }));
  const log = Boolean(state.logx && !words);
  return { names, log, points: points.filter((p) => !log || p.x > 0).sort((a, b) => a.x - b.x) };
}

// Points that no other one beats in both cost and score.
function paretoFront(points, lowX, lowY) {
  const [sx, sy] = [lowX ? 1 : -1, lowY ? 1 : -1];
  const front = new Set();
  let best = Infinity;
  for (const point of [...points].sort((a, b) => sx * (a.x - b.x) || sy * (a.y - b.y))) {
    if (sy * point.y < best) {
      front.add(point);
      best = sy * point.y;
    }
  }
  return front;
}

function scatterChart(place, x, y) {
  const { names, log, points } = scatterPoints(x, y);
  if (!points.length) return void place.append(make("p", {}, "No run that the filter leaves has both."));
  const front = x.part === "Cost" && y.metric.better ? paretoFront(points, lowerIsBetter(x), y.metric.better === "lower") : new Set();
  const marked = ticked();
  const pick = (keep) => points.map((p) => (keep(p) ? p.y : null));
  const dots = (size, fill) => ({ show: true, size, fill, stroke: fill });
  const [quiet, accent, bad] = [ink("--quiet"), ink("--accent"), ink("--bad")];
  const steps = uPlot.paths.stepped({ align: lowerIsBetter(x) ? 1 : -1 });
  const series = [
    { stroke: quiet, paths: () => null, points: dots(7, quiet) },
    { stroke: accent, width: 1.5, spanGaps: true, paths: steps, points: dots(9, accent) },
    { stroke: bad, paths: () => null, points: dots(11, bad) },
  ];
  const [first, last] = [points[0].x, points.at(-1).x];
  const pad = (last - first || Math.abs(first) || 1) * 0.04;
  const range = names ? [-0.5, names.length - 0.5] : log ? [first / 1.1, last * 1.1] : [first - pad, last + pad];
  const ticks = names ? { splits: () => names.map((_, i) => i), values: () => names.map((name) => clipped(name)), rotate: names.length > 4 ? -40 : 0, size: names.length > 4 ? 90 : 40 } : {};
  const chart = new uPlot({
    width: place.clientWidth, height: 460, legend: { show: false }, series: [{}, ...series],
    scales: { x: { time: false, distr: log ? 3 : 1, range } }, cursor: { points: { show: false }, drag: { x: false } },
    axes: [axis(x.title, ticks), yAxis()],
  }, [points.map((p) => p.x), pick((p) => !front.has(p)), pick((p) => front.has(p)), pick((p) => marked.has(p.run.id))], place);
  const said = make("p", { className: "said" });
  const front_said = front.size ? ` The line is the Pareto front: no other run has a better ${y.title} at no more cost.` : "";
  place.append(said, make("p", { className: "quiet" }, `${plural(points.length, "run")}; point at one for its name, click to tick it.${front_said}`));
  nameNearest(chart, points, said, x, y);
}

const clipped = (text) => (text.length > 16 ? text.slice(0, 15) + "…" : text);

function nameNearest(chart, points, said, x, y) {
  const nearest = ({ offsetX, offsetY }) => {
    const away = (p) => Math.hypot(chart.valToPos(p.x, "x") - offsetX, chart.valToPos(p.y, "y") - offsetY);
    const found = points.reduce((best, p) => (away(p) < away(best) ? p : best));
    return away(found) < 25 ? found : null;
  };
  chart.over.addEventListener("mousemove", (event) => {
    const found = nearest(event);
    said.textContent = found ? `${found.run.name}: ${y.title} ${scoreText(y.metric, y.cell(found.run))}, ${x.title} ${x.read(found.run)}` : "";
  });
  chart.over.addEventListener("click", (event) => {
    const found = nearest(event);
    if (found) tick(found.run.id);
  });
}

// --- parallel coordinates: a line per run through its settings to its score ----------------------

function svg(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function parallelTab(view) {
  const scores = COLUMNS.filter((c) => c.metric);
  if (!scores.length) return void view.append(make("p", {}, "No run has a score yet."));
  const y = scores.find((c) => c.id === state.up) ?? defaultScore();
  const runs = filtered().filter((run) => typeof y.read(run) === "number");
  const settings = COLUMNS.filter((c) => c.setting && distinct(c, runs).size > 1 && isChosen(c));
  view.append(make("div", { className: "bar" }, choice("score", scores.map((c) => [c.id, c.title]), y.id, (up) => change({ up }))));
  if (!runs.length) return void view.append(make("p", {}, "No run that the filter leaves has this score."));
  const said = make("p", { className: "said" }, "Point at a line for its name, click to tick it. “Columns” above chooses the axes.");
  view.append(said, make("div", { className: "scroll" }, parallel(runs, [...settings, y], y, said, view.clientWidth)));
}

function scaleOf(column, runs) {
  const values = runs.map(column.read);
  const numbers = values.filter((v) => typeof v === "number");
  if (numbers.length === values.filter((v) => v !== null).length) {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const tell = column.tell ?? ((v) => shorten(v));
    return { at: (v) => (v === null ? null : (v - low) / (high - low || 1)), ends: [tell(low), tell(high)] };
  }
  const names = [...new Set(values.map(String))].sort(COLLATOR.compare);
  return { at: (v) => names.indexOf(String(v)) / Math.max(names.length - 1, 1), names };
}

function parallel(runs, columns, y, said, width) {
  const [height, left, top] = [340, 70, 48];
  const gap = Math.min(320, Math.max(130, (width - 220) / Math.max(columns.length - 1, 1)));
  const scales = columns.map((column) => scaleOf(column, runs));
  const across = (i) => left + i * gap;
  const down = (share) => top + (1 - share) * height;
  const made = svg("svg", { class: "parallel", width: across(columns.length - 1) + 110, height: top + height + 34 });
  const goodness = scales.at(-1).at;
  for (const run of [...runs].sort((a, b) => y.read(a) - y.read(b))) {
    const share = y.metric.better === "lower" ? 1 - goodness(y.read(run)) : goodness(y.read(run));
    const points = columns.map((c, i) => [scales[i].at(c.read(run)), i]).filter(([at]) => at !== null);
    const d = points.map(([at, i], k) => `${k ? "L" : "M"}${across(i)} ${down(at)}`).join("");
    const path = svg("path", { d, stroke: `hsl(${Math.round(215 - 190 * share)} 70% 50%)`, class: ticked().has(run.id) ? "ticked" : "" });
    path.onmouseenter = () => (said.textContent = `${run.name}: ${y.title} ${scoreText(y.metric, y.cell(run))}`);
    path.onclick = () => tick(run.id);
    made.append(path);
  }
  columns.forEach((column, i) => made.append(...axisParts(column, scales[i], across(i), i, down, top, height)));
  return made;
}

function axisParts(column, scale, x, i, down, top, height) {
  const text = (y, words, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, clipped(words));
  const title = svg("text", { x, y: top - (i % 2 ? 30 : 16), "text-anchor": "middle" }, column.title.slice(-26));
  const line = svg("line", { class: "axis", x1: x, x2: x, y1: top, y2: top + height });
  const names = scale.names?.map((name, k) => text(down(k / Math.max(scale.names.length - 1, 1)) + 4, " " + name, "start"));
  names?.forEach((label) => label.setAttribute("x", x + 5));
  return [line, title, ...(names ?? [text(top - 3, scale.ends[1]), text(top + height + 14, scale.ends[0])])];
}
