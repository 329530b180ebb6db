"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const E = data.events, N = E.at.length, CALM = Math.max(1, data.hop);

/** Make an element; children are nodes or text, never markup. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") made.addEventListener("click", value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// --- data: what is known of each event -----------------------------------------------------------

const text = (column) => (i) => column.texts[column.of[i]];
const who = text(E.who), where = text(E.where), kind = text(E.kind), mark = text(E.mark), words = text(E.words);
const LEFT_OUT = "left_out";        // the kind of what stands for the events of a gap
const number = E.numbers ? (i) => E.numbers[i] : (i) => i;   // of an event in the log
const id = (i) => kind(i) === LEFT_OUT ? "…" : `#${number(i)}`;
const FEW = 15, few = (data.deviated ?? data.deviations.length) <= FEW;     // more deviations than that have no texts
const deviationsOf = new Map(), named = new Set(data.named);
data.deviations.forEach(([, event, nth], k) => {
  if (!deviationsOf.has(event)) deviationsOf.set(event, []);
  deviationsOf.get(event).push(nth ?? k + 1);
});
const effects = new Map();          // event -> the events that it caused
const bySubject = new Map();        // "job 3" -> the events about it
const byStatement = new Map();      // number -> its events
const telling = new Set();          // statements that changed something
function file(map, key, value) { const held = map.get(key); if (held) held.push(value); else map.set(key, [value]); }
for (let i = 0; i < N; i++) {
  if (E.cause[i] >= 0) file(effects, E.cause[i], i);
  for (const subject of E.about[i]) file(bySubject, subject, i);
  if (E.statement[i] >= 0) {
    file(byStatement, E.statement[i], i);
    if (mark(i) === "change") telling.add(E.statement[i]);
  }
}
const OWN = E.numbers ? N - E.kind.of.filter((kind) => E.kind.texts[kind] === LEFT_OUT).length : N;  // without gaps
const hopsOf = new Map(data.lanes.statements.map((hops) => [hops[0], hops]));

function moment(at) {
  const size = Math.abs(at);
  return `${at < 0 ? "-" : "+"}${Math.floor(size / 1e6)}.${String(size % 1e6).padStart(6, "0")}s`;
}
function span(duration) {
  const digits = (value) => String(Number(value.toPrecision(3)));
  if (duration >= 6e7) return `${digits(duration / 6e7)} min`;
  if (duration >= 1e6) return `${digits(duration / 1e6)} s`;
  return duration >= 1e3 ? `${digits(duration / 1e3)} ms` : `${duration} µs`;
}
const sentence = (i) => `${where(i) === "server" && who(i) !== "server" ? `${who(i)} (at the server)` : who(i)} ${words(i)}`;

// --- time: events get places, true to scale or with their gaps shortened ------------------------

const first = N ? E.at[0] : 0;
const shortened = (gap) => gap <= 0 ? 0.14 : 0.3 + (gap <= CALM ? gap / CALM : 1 + Math.log2(gap / CALM));
const DULL = 0.06, NEARBY = 4;     // the share of room that events far from the story's have
const BREAK = 50 * CALM;            // a gap that long is marked as shortened
const places = { short: new Float64Array(N), true: new Float64Array(N) };
const room = new Float64Array(N).fill(data.named.length ? DULL : 1);  // what the story is about has the most
for (const i of data.named) room.fill(1, Math.max(0, i - NEARBY), i + NEARBY + 1);
for (let i = 0; i < N; i++) {
  places.true[i] = (E.at[i] - first) / CALM;
  places.short[i] = i ? places.short[i - 1] + shortened(E.at[i] - E.at[i - 1]) * Math.max(room[i], room[i - 1]) : 0;
}
const view = { scale: "short", left: 0, span: 1, place: places.short };

/** Return the first index whose value is not below ``wanted``. */
function lower(values, wanted, length = values.length) {
  let from = 0, to = length;
  while (from < to) { const middle = (from + to) >> 1; if (values[middle] < wanted) from = middle + 1; else to = middle; }
  return from;
}
function placeOf(at) {              // of an instant at which perhaps nothing happens
  if (!N) return 0;
  if (view.scale === "true") return (at - first) / CALM;
  const i = lower(E.at, at);
  if (i >= N) return view.place[N - 1] + (at > E.at[N - 1] ? shortened(at - E.at[N - 1]) : 0);
  if (i === 0 || E.at[i] === at) return view.place[i];
  return view.place[i - 1] + (view.place[i] - view.place[i - 1]) * (at - E.at[i - 1]) / (E.at[i] - E.at[i - 1]);
}
const extent = () => N ? Math.max(placeOf(Math.max(data.end, E.at[N - 1])), 1) : 1;
function setView(left, wide) {
  const whole = extent(), margin = 0.05;
  view.span = Math.min(Math.max(wide, 0.4), whole * (1 + 2 * margin));
  const edge = view.span * margin;
  view.left = Math.min(Math.max(left, -edge), whole + edge - view.span);
  if (view.span >= whole) view.left = -(view.span - whole) / 2;
  draw();
}
const zoom = (factor, around = view.left + view.span / 2) => setView(around - (around - view.left) * factor, view.span * factor);
function reveal(i) {
  const at = view.place[i];
  if (at < view.left + view.span * 0.04 || at > view.left + view.span * 0.96) setView(at - view.span / 2, view.span);
}
function begin() {                  // all, or the last stretch before the failure if all is too much
  const readable = plot() / 9, whole = extent();
  const end = data.failure >= 0 ? view.place[data.failure] + readable * 0.06 : whole;
  if (whole <= readable * 1.6 || data.failure < 0) setView(0, whole * 2);
  else setView(end - readable, readable);
}
function setScale(scale) {
  const kept = state.selected >= 0 ? state.selected : Math.max(0, N - 1);
  view.scale = scale;
  view.place = places[scale];
  $("scale").setAttribute("aria-pressed", String(scale === "true"));
  if (scale === "true") setView(0, extent() * 2); else begin();
  if (N) reveal(kept);
}

// --- tables: as they stand before an event, stepping through changes in both directions ----------

const H = data.history, changesFrom = new Int32Array(N + 1);
for (const change of H.changes) changesFrom[change[0] + 1]++;
for (let i = 0; i < N; i++) changesFrom[i + 1] += changesFrom[i];
const tables = H.tables.map(() => new Map());
const used = H.tables.map(([, columns]) => columns.map(() => false));
for (const [, table, , before, after] of H.changes) {
  for (const version of [before, after]) {
    if (version >= 0) H.rows[version].forEach((cell, k) => { if (H.texts[cell] !== "-") used[table][k] = true; });
  }
}
let applied = 0;
function put(table, id, version) { if (version < 0) tables[table].delete(id); else tables[table].set(id, version); }
function before(i) {
  for (; applied < changesFrom[i]; applied++) { const [, table, id, , after] = H.changes[applied]; put(table, id, after); }
  for (; applied > changesFrom[i]; applied--) { const [, table, id, old] = H.changes[applied - 1]; put(table, id, old); }
}
/** Return how many rows of a table the page leaves out, after an event. */
function hidden(table, i) {
  const counts = H.hidden ? H.hidden[table] : [], k = lower(counts.map(([event]) => event), i + 1);
  return k ? counts[k - 1][1] : 0;
}
/** Return a table around an event: for each id its version before and after. */
function around(table, i) {
  before(i);
  const rows = new Map();
  for (const [id, version] of tables[table]) rows.set(id, [version, version]);
  for (let k = changesFrom[i]; k < changesFrom[i + 1]; k++) {
    const [, which, id, old, version] = H.changes[k];
    if (which === table) rows.set(id, [rows.has(id) && rows.get(id)[2] ? rows.get(id)[0] : old, version, true]);
  }
  return [...rows].sort((a, b) => a[0] - b[0]);
}

// --- search: which events the list shows ---------------------------------------------------------

const state = { selected: -1, shown: [], tables: "both", limit: 30, subject: null };
function matches(wanted) {
  const subjects = [];
  const left = wanted.toLowerCase().replace(/\b(job|schedule) (\d+)\b/g, (all) => { subjects.push(all); return " "; });
  const parts = left.split(/\s+/).filter(Boolean);
  return (i) => {
    if (!subjects.every((subject) => E.about[i].includes(subject))) return false;
    if (!parts.length) return true;
    const caption = `${id(i)} ${who(i)} ${kind(i)} ${words(i)}`.toLowerCase();
    return parts.every((part) => caption.includes(part));
  };
}
function filter() {
  const wanted = $("search").value.trim(), fits = matches(wanted), routine = $("routine").checked;
  state.shown = [];
  for (let i = 0; i < N; i++) {
    const shown = routine || wanted || !E.routine[i] || i === data.failure || (few && deviationsOf.has(i));
    if (shown && fits(i)) state.shown.push(i);
  }
  state.matches = wanted ? new Set(state.shown) : null;
  const left = data.size === undefined ? "" : `; ${data.size - OWN} not on this page`;
  $("count").textContent = (state.shown.length === N ? `${N}` : `${state.shown.length} of ${N}`) + left;
  list.tell(state.selected);
  draw();
}
function step(by) {
  const shown = state.shown;
  if (!shown.length) return;
  const at = lower(shown, state.selected), exact = shown[at] === state.selected;
  const to = by > 0 ? (exact ? at + by : at + by - 1) : at + by;
  select(shown[Math.min(Math.max(to, 0), shown.length - 1)]);
}

// --- timeline: one canvas, on which as much is drawn as its pixels can show ----------------------

const AXIS = 24, STORY = 22, ROW = 20;
const canvas = $("canvas"), lanesBox = $("lanes");
let pen = canvas.getContext("2d");
let GUTTER = 168;
const plot = () => Math.max(50, lanesBox.clientWidth - GUTTER);
const subjects = Object.keys(data.labels), involved = new Set(data.involved);
const rank = (subject) => (involved.has(subject) ? 0 : subject.startsWith("schedule") ? 1 : 2);
const rows = subjects.map((subject, k) => [rank(subject), k, subject]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((each) => each[2]);
const alive = new Set(["server", ...data.lanes.lives.map((life) => life[0])]);
const laneOf = new Map();           // process -> the middle of its lane, below the first one's top
const tops = AXIS + STORY;
let processesHeight = 0, roomy = 42;
const heightOf = (name) => name === "server" ? Math.max(roomy, 38) : alive.has(name) ? roomy : 22;
/** Lanes of processes are as high as leaves room for those of jobs. */
function layLanes(height) {
  const others = data.processes.filter((name) => !alive.has(name)).length * 22, count = data.processes.length - others / 22;
  roomy = Math.round(Math.min(42, Math.max(28, (height * 0.68 - tops - others) / count)));
  processesHeight = 0;
  for (const name of data.processes) { laneOf.set(name, processesHeight + heightOf(name) / 2); processesHeight += heightOf(name); }
}
const pins = (height) => tops + processesHeight + 2 * ROW <= height;

/** Keep items in order, and for each how far those before it reach: what is in view is found at once. */
function ordered(items, since, until) {
  const sorted = [...items].sort((a, b) => since(a) - since(b)), reach = new Float64Array(sorted.length);
  let most = -1;
  sorted.forEach((item, k) => { most = Math.max(most, until(item) < 0 ? N : until(item)); reach[k] = most; });
  return { sorted, reach, since };
}
function* inView(items, from, to) {
  for (let k = lower(items.reach, from); k < items.sorted.length && items.since(items.sorted[k]) <= to; k++) yield items.sorted[k];
}
const split = (items, key) => { const map = new Map(); for (const item of items) file(map, key(item), item); return map; };
const statements = ordered(data.lanes.statements, (s) => s[3], (s) => s[6] >= 0 ? s[6] : Math.max(s[3], s[4], s[5]));
const notes = ordered(data.lanes.notes, (n) => n[1], (n) => n[2]);
const states = split(data.lanes.states, (s) => s[0]), runs = split(data.lanes.runs, (r) => r[0]);
const silences = split(data.lanes.silences, (s) => s[0]);
const runsBy = split(data.lanes.runs, (r) => r[4]);
const busy = new Map([...runsBy].map(([worker, held]) => [worker, ordered(held, (r) => r[2], (r) => r[3])]));
const beats = new Map([...bySubject].map(([subject, held]) => [subject, held.filter((i) => kind(i).endsWith("_beat"))]));

let ink = {}, hits = [], drawn = 0, hovered = null, planned = 0;
function readInk() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["panel", "ground", "text", "muted", "line", "chosen", "accent", "bad", "good", "deviation", "queued", "picked", "running",
    "statement", "server", "bar-text", "picked-ground", "queued-ground", "running-ground", "bad-ground", "stalled", "gap", "note", "quiet"]) ink[name] = style.getPropertyValue(`--${name}`).trim();
}
const X = (place) => GUTTER + (place - view.left) / view.span * plot();
const x = (i) => i < 0 ? X(extent()) : X(view.place[i]);
function hit(x0, y0, x1, y1, event, caption, subject) { hits.push([x0 - 2, y0, x1 + 2, y1, event, caption, subject]); }
function bar(x0, x1, y, height, fill, stroke) {
  drawn++;
  const left = Math.max(x0, GUTTER), width = Math.max(Math.min(x1, canvas.clientWidth + 4) - left, 1.5);
  pen.fillStyle = fill;
  pen.beginPath(); pen.roundRect(left, y, width, height, Math.min(3, width / 2)); pen.fill();
  if (stroke && width > 2) { pen.strokeStyle = stroke; pen.lineWidth = 1; pen.beginPath(); pen.roundRect(left + 0.5, y + 0.5, width - 1, height - 1, Math.min(3, width / 2)); pen.stroke(); }
  return [left, width];
}
function label(caption, x0, width, y, colour, font = "11px system-ui, sans-serif") {
  pen.font = font;
  if (pen.measureText(caption).width > width - 8) return false;
  drawn++;
  pen.fillStyle = colour; pen.textBaseline = "middle"; pen.textAlign = "left";
  pen.fillText(caption, x0 + 4, y);
  return true;
}
function line(x0, y0, x1, y1, colour, width = 1, dash = []) {
  drawn++;
  pen.strokeStyle = colour; pen.lineWidth = width; pen.setLineDash(dash);
  pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke(); pen.setLineDash([]);
}
function shape(path, colour, hollow) {
  drawn++;
  pen.beginPath(); path.forEach(([px, py], k) => k ? pen.lineTo(px, py) : pen.moveTo(px, py)); pen.closePath();
  if (hollow) { pen.fillStyle = ink.panel; pen.fill(); pen.strokeStyle = colour; pen.lineWidth = 1.4; pen.stroke(); } else { pen.fillStyle = colour; pen.fill(); }
}
/** Signs differ in shape, not in colour alone. */
const signs = {
  change: (px, y) => { drawn++; pen.fillStyle = ink.server; pen.fillRect(px - 1, y - 5, 2, 10); },
  note: (px, y) => shape([[px, y + 4], [px - 4, y - 3], [px + 4, y - 3]], ink.note, true),
  life: (px, y) => { drawn++; pen.fillStyle = ink.muted; pen.fillRect(px - 1, y - 8, 2, 16); },
  ready: (px, y) => shape([[px - 3, y - 6], [px + 5, y], [px - 3, y + 6]], ink.muted),
  fault: (px, y) => { shape([[px, y - 8], [px + 7, y + 5], [px - 7, y + 5]], ink.bad); line(px, y - 3.5, px, y + 0.5, ink.panel, 1.8); line(px, y + 1.8, px, y + 3.6, ink.panel, 1.8); },
  killed: (px, y) => { line(px - 6, y - 6, px + 6, y + 6, ink.bad, 3); line(px - 6, y + 6, px + 6, y - 6, ink.bad, 3); },
  log: (px, y) => { drawn++; pen.fillStyle = ink.muted; pen.beginPath(); pen.arc(px, y, 2, 0, 7); pen.fill(); },
  error: (px, y) => { line(px - 4, y - 4, px + 4, y + 4, ink.bad, 2); line(px - 4, y + 4, px + 4, y - 4, ink.bad, 2); },
  broken: (px, y) => { shape([[px - 3.5, y - 8.5], [px + 3.5, y - 8.5], [px + 8.5, y - 3.5], [px + 8.5, y + 3.5], [px + 3.5, y + 8.5], [px - 3.5, y + 8.5], [px - 8.5, y + 3.5], [px - 8.5, y - 3.5]], ink.bad); line(px, y - 4.5, px, y + 1, ink.panel, 2); line(px, y + 2.8, px, y + 4.8, ink.panel, 2); },
  chosen: (px, y) => shape([[px, y - 4], [px + 4, y], [px, y + 4], [px - 4, y]], ink.deviation, true),
  successful: (px, y) => { pen.lineJoin = "round"; line(px + 2, y, px + 4.5, y + 3, ink.good, 2); line(px + 4.5, y + 3, px + 10, y - 4, ink.good, 2); },
  exception: (px, y) => { line(px + 2, y - 4, px + 9, y + 4, ink.bad, 2); line(px + 2, y + 4, px + 9, y - 4, ink.bad, 2); },
  canceled: (px, y) => { drawn++; pen.strokeStyle = ink.muted; pen.lineWidth = 2; pen.strokeRect(px + 3, y - 3, 6, 6); },
  deleted: (px, y) => line(px + 2, y, px + 10, y, ink.muted, 2),
  beat: (px, y) => { drawn++; pen.fillStyle = ink.accent; pen.fillRect(px - 0.75, y + 1.5, 1.5, 4); },
};
const APART = { note: 9, chosen: 9, log: 5 };   // signs of such kinds do not cover each other
const LOUD = new Set(["fault", "killed", "error", "broken"]);

function draw() { if (!planned) planned = requestAnimationFrame(() => { planned = 0; redraw(); }); }
function redraw() {
  const width = lanesBox.clientWidth, height = lanesBox.clientHeight, density = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density); canvas.height = Math.round(height * density);
  }
  layLanes(height);
  const pinned = pins(height);
  const whole = tops + processesHeight + rows.length * ROW + 10;
  $("height").style.height = `${Math.max(0, whole - height)}px`;
  const scroll = lanesBox.scrollTop, fixed = pinned ? tops + processesHeight : tops;
  const processTop = pinned ? tops : tops - scroll, rowTop = tops + processesHeight - scroll + 4;
  hits = []; drawn = 0;
  pen.setTransform(density, 0, 0, density, 0, 0);
  pen.fillStyle = ink.panel; pen.fillRect(0, 0, width, height);
  const from = Math.max(0, lower(view.place, view.left, N) - 1), to = Math.min(N - 1, lower(view.place, view.left + view.span, N));
  within(0, fixed, width, height - fixed, () => drawRows(from, to, rowTop, fixed, height, width));
  const room = (pinned ? fixed : height) - tops;
  within(GUTTER, tops, width - GUTTER, room, () => drawProcesses(from, to, processTop, width));
  within(0, tops, width, room, () => { for (const name of data.processes) gutter(name, processTop + laneOf.get(name) - heightOf(name) / 2, heightOf(name), alive.has(name), !alive.has(name)); });
  drawAxis(from, to, width, height);
  drawStory(from, to, height);
  Object.assign(canvas.dataset, { drawn, first: from, last: to });
  canvas.dataset.redraws = String(Number(canvas.dataset.redraws || 0) + 1);
}
function within(left, top, width, height, what) {
  pen.save(); pen.beginPath(); pen.rect(left, top, width, Math.max(0, height)); pen.clip(); what(); pen.restore();
}
function gutter(caption, y, height, strong, quiet) {
  pen.fillStyle = ink.panel; pen.fillRect(0, y, GUTTER - 1, height);
  pen.font = `${strong ? "600 12px" : "12px"} system-ui, sans-serif`;
  pen.fillStyle = quiet ? ink.muted : ink.text; pen.textBaseline = "middle"; pen.textAlign = "left";
  let shown = caption;
  while (shown.length > 3 && pen.measureText(shown).width > GUTTER - 26) shown = `${shown.slice(0, -2).trimEnd()}…`;
  pen.fillText(shown, 16, y + height / 2);
  drawn++;
}
function drawRows(from, to, top, fixed, height, width) {
  const firstRow = Math.max(0, Math.floor((fixed - top) / ROW)), lastRow = Math.min(rows.length, Math.ceil((height - top) / ROW));
  for (let k = firstRow; k < lastRow; k++) {
    const subject = rows[k], y = top + k * ROW;
    if (state.subject === subject) { pen.fillStyle = ink.chosen; pen.fillRect(0, y, width, ROW); }
    within(GUTTER, y, width - GUTTER, ROW, () => drawLife(subject, y, from, to));
    const strong = involved.has(subject);
    gutter(`${strong ? "● " : ""}${data.labels[subject]}`, y + 1, ROW - 2, strong);
    hits.push([0, y, GUTTER, y + ROW, -1, `${data.labels[subject]}: click for its history`, subject]);
    line(GUTTER, y + ROW - 0.5, width, y + ROW - 0.5, ink.gap);
  }
}
function drawLife(subject, y, from, to) {
  const name = data.labels[subject], middle = y + ROW / 2 - 0.5;
  let lastX = -9;
  for (const [, what, since, until, by] of states.get(subject) || []) {
    if (since > to || (until >= 0 && until < from)) continue;
    const x0 = x(since), x1 = x(until), point = since === until;
    if (point) { signs[what]?.(x0, middle); hit(x0, y, x0 + 10, y + ROW, since, `${name} ends ${what}`, subject); continue; }
    if (x1 - lastX < 0.7) continue;
    lastX = x1;
    const worker = data.managers[by] || "";
    const caption = what === "picked" && worker ? `picked by ${worker}` : what;
    const [left, wide] = what === "picked" ? bar(x0, x1, y + 3, ROW - 7, ink["picked-ground"], ink.picked)
      : what === "queued" ? bar(x0, x1, y + 3, ROW - 7, ink.panel, ink.queued) : bar(x0, x1, y + 3, ROW - 7, ink["bad-ground"], ink.bad);
    const run = (runs.get(subject) || []).find((each) => each[2] >= since);
    label(caption, left, run ? Math.min(wide, x(run[2]) - left) : wide, middle, ink["bar-text"], "10px system-ui, sans-serif");
    hit(x0, y, x1, y + ROW, since, `${name}: ${caption}${until >= 0 ? ` for ${span(E.at[until] - E.at[since])}` : " until the run ends"}`, subject);
  }
  lastX = -9;
  let ran = -1;                     // a run that begins before the last one ends is drawn below it
  for (const [, how, since, until, by] of runs.get(subject) || []) {
    const twice = since < ran;
    ran = Math.max(ran, until < 0 ? N : until);
    if (since > to || (until >= 0 && until < from)) continue;
    const x0 = x(since), x1 = Math.max(x(until), x0 + (twice ? 8 : 0));
    if (x1 - lastX < 0.7) continue;
    lastX = x1;
    const [left, wide] = bar(x0, x1, y + (twice ? 9 : 3), twice ? 9 : ROW - 7, twice ? ink["bad-ground"] : ink["running-ground"], twice || how === "raised" || how === "cut off" ? ink.bad : ink.running);
    if (twice && wide < 60) label("again", x1, 99, middle + 3, ink.bad, "600 10px system-ui, sans-serif");
    label(`runs in ${by}`, left, wide, middle, ink["bar-text"], "10px system-ui, sans-serif");
    if (how === "raised") signs.error(x1, middle); else if (how === "cut off") signs.killed(x1, middle);
    const last = until >= 0 ? `${how} after ${span(E.at[until] - E.at[since])}` : "still running when the run ends";
    hit(x0, y, x1, y + ROW, since, `${name} runs in ${by}: ${last}`, subject);
  }
  for (const [, , since, until] of silences.get(subject) || []) {
    if (since > to || until < from) continue;
    const x0 = x(since), x1 = x(until), caption = `no heartbeat for ${span(E.at[until] - E.at[since])}`;
    line(x0, y + ROW - 4, x1, y + ROW - 4, ink.bad, 2.5, [4, 2]);
    if (x1 - x0 > 160) label(caption, Math.max(x0, Math.min(x1, plot() + GUTTER) - 160), 158, middle, ink.bad, "600 10px system-ui, sans-serif");
    hit(x0, y + ROW - 8, x1, y + ROW, until, `${name}: ${caption}, then it is taken over`, subject);
  }
  lastX = -9;
  for (const i of beats.get(subject) || []) {
    if (i < from || i > to) continue;
    const px = x(i);
    if (px - lastX < 2) continue;
    lastX = px;
    signs.beat(px, middle + 1.5); hit(px - 2, y + ROW / 2, px + 2, y + ROW, i, null, subject);
  }
}
function drawProcesses(from, to, top, width) {
  const middle = (name) => top + laneOf.get(name);
  for (const name of data.processes) line(GUTTER, middle(name), width, middle(name), ink.line, name === "server" ? 2 : 1, name === "server" ? [] : [2, 4]);
  for (const [name, how, since, until] of data.lanes.lives) {
    if (since > to || (until >= 0 && until < from)) continue;
    bar(x(since), x(until), middle(name) - 3, 6, ink.stalled);
    hit(x(since), middle(name) - 4, x(until), middle(name) + 4, since, `${name} is alive${until >= 0 ? ` until it ${how === "ended" ? "ends" : "is killed"} at ${moment(E.at[until])}` : ""}`);
  }
  for (const [name, since, until, what] of data.lanes.stalls) {
    const x0 = x(since), x1 = X(placeOf(until));
    if (since > to || x1 < GUTTER) continue;
    const y = middle(name), [left, wide] = bar(x0, x1, y - 9, 18, ink.stalled, ink.bad);
    within(left, y - 9, wide, 18, () => { for (let px = left - 18; px < left + wide && wide < 4000; px += 8) line(px, y + 9, px + 18, y - 9, ink.muted, 0.6); });
    label(what, left + 8, wide - 8, y, ink.text, "600 11px system-ui, sans-serif");
    hit(x0, y - 9, x1, y + 9, since, `${name} is ${what} for ${span(until - E.at[since])}`);
  }
  for (const [name, items] of busy) if (laneOf.has(name)) drawBusy(items, from, to, middle(name));
  drawMessages(from, to, middle);
  drawMarks(from, to, middle);
}
function drawBusy(items, from, to, y) {
  let lastX = -9;
  for (const [subject, , since, until, by] of inView(items, from, to)) {
    if (until >= 0 && until < from) continue;
    const x0 = x(since), x1 = x(until);
    if (x1 - lastX < 0.7) continue;
    lastX = Math.max(lastX, x1);
    bar(x0, x1, y - 5, 10, ink["running-ground"], ink.running);
    hit(x0, y - 5, x1, y + 5, since, `${by} runs ${data.labels[subject]}`, subject);
  }
}
function arrow(x0, y0, x1, y1, colour, width, dash) {
  line(x0, y0, x1, y1, colour, width, dash);
  const long = Math.hypot(x1 - x0, y1 - y0) || 1, ux = (x1 - x0) / long, uy = (y1 - y0) / long;
  if (Math.abs(y1 - y0) > 8) shape([[x1, y1], [x1 - 6 * ux - 3 * uy, y1 - 6 * uy + 3 * ux], [x1 - 6 * ux + 3 * uy, y1 - 6 * uy - 3 * ux]], colour);
}
function drawMessages(from, to, middle) {
  const server = middle("server"), seen = new Set();
  let labelled = GUTTER;
  const chosen = state.selected >= 0 ? E.statement[state.selected] : -1;
  for (const [number, name, title, sent, executed, ended, replied, failed, lost] of inView(statements, from, to)) {
    const last = Math.max(replied, ended, executed, sent);
    if (last < from || !laneOf.has(name)) continue;
    const x0 = x(sent), x1 = x(last), loud = telling.has(number) || failed || number === chosen, thin = x1 - x0 < 9;
    const key = `${name} ${loud} ${failed} ${Math.round(x0 / 4)}`;
    if (thin && number !== chosen && seen.has(key)) continue;
    seen.add(key);
    const y = middle(name);
    const colour = failed ? ink.bad : number === chosen ? ink.accent : loud ? ink.statement : ink.quiet;
    const wide = number === chosen ? 2.2 : 1.2, turn = executed >= 0 ? x(executed) : x0 + 8;
    const steps = [`sent ${moment(E.at[sent])}`, executed >= 0 && `executed ${moment(E.at[executed])}`, ended >= 0 && `${failed ? "failed" : "committed"} ${moment(E.at[ended])}`, replied >= 0 ? `replied ${moment(E.at[replied])}` : lost ? "lost with its connection" : "no reply until the run ends"].filter(Boolean);
    const caption = `${name}'s ${title} (statement ${number}): ${steps.join(", ")}`;
    if (thin && executed >= 0 && number !== chosen) {
      line(x0, y, x0, server, colour, wide);
      hit(x0 - 1, Math.min(y, server), x0 + 1, Math.max(y, server), sent, caption);
      continue;
    }
    arrow(x0, y, turn, executed >= 0 ? server : (y + server) / 2, colour, wide, executed >= 0 ? [] : [3, 3]);
    const leave = ended >= 0 ? x(ended) : turn;
    if (executed >= 0) {
      bar(turn, leave, server - 5, 10, colour);
      hit(turn - 2, server - 7, leave + 2, server + 7, ended >= 0 ? ended : executed, caption);
      if (loud && turn > labelled && label(title, turn - 8, 160, server - 13, ink.text, "10px system-ui, sans-serif")) labelled = turn + pen.measureText(title).width + 8;
    }
    if (replied >= 0) arrow(leave, server, x(replied), y, colour, wide, []);
    else if (lost) signs.error(executed >= 0 ? leave + 6 : turn, (server + y) / 2);
    hits.push([x0, y, turn, server, sent, caption, null, true]);
    if (replied >= 0) hits.push([leave, server, x(replied), y, replied, caption, null, true]);
  }
  seen.clear();
  for (const [name, sent, heard, dropped] of inView(notes, from, to)) {
    if (heard < from || !laneOf.has(name)) continue;
    const x0 = x(sent), x1 = x(heard), y = middle(name), key = `${name} ${Math.round(x0 / 5)} ${Math.round(x1 / 5)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    arrow(x0, server, x1, y - 4, ink.note, 1, [2, 3]);
    if (dropped) signs.error(x1, y - 4);
    hits.push([x0, server, x1, y - 4, heard, null, null, true]);
  }
}
function drawMarks(from, to, middle) {
  const lastX = new Map(), loud = [];
  for (let i = from; i <= to; i++) {
    const what = mark(i), lane = where(i);
    if (!what || !laneOf.has(lane)) continue;
    if (LOUD.has(what)) { loud.push(i); continue; }
    const px = x(i), key = `${lane} ${what}`;
    if (px - (lastX.get(key) ?? -9) < (APART[what] || 1.5)) continue;
    lastX.set(key, px);
    sign(i, px, middle(lane) + (what === "note" ? 12 : 0));
  }
  lastX.clear();
  for (const i of loud) {
    const px = x(i), lane = where(i), key = `${lane} ${mark(i)}`;
    if (px - (lastX.get(key) ?? -9) < 1.5 && i !== data.failure) continue;
    lastX.set(key, px);
    sign(i, px, middle(lane));
  }
}
function sign(i, px, y) { signs[mark(i)](px, y); hit(px - 5, y - 7, px + 5, y + 7, i); }
function drawAxis(from, to, width, height) {
  pen.fillStyle = ink.panel; pen.fillRect(0, 0, width, AXIS);
  pen.font = "11px system-ui, sans-serif"; pen.textBaseline = "middle"; pen.textAlign = "left";
  let end = GUTTER, bin = null;
  const unit = plot() / view.span;
  const tick = (px, at) => {
    if (px < Math.max(GUTTER, end)) return;
    const caption = moment(at), wide = pen.measureText(caption).width;
    if (px + wide + 8 > width) return;
    line(px, AXIS - 6, px, AXIS, ink.muted);
    pen.fillStyle = ink.muted; pen.fillText(caption, px + 4, AXIS / 2 - 1); drawn++;
    end = px + wide + 22;
  };
  if (view.scale === "true") {
    const wanted = view.span * CALM * 120 / plot(), power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1)));
    const pace = Math.max(1, [1, 2, 5, 10].map((k) => k * power).find((each) => each >= wanted));
    const left = view.left * CALM + first;
    for (let at = Math.ceil(left / pace) * pace; at <= left + view.span * CALM; at += pace) tick(X((at - first) / CALM), at);
  } else {
    for (let i = from; i <= to; i++) {
      const here = Math.floor(view.place[i] * unit / 90);
      if (here !== bin && (!i || E.at[i] !== E.at[i - 1])) { tick(x(i), E.at[i]); bin = here; }
      if (i && E.at[i] - E.at[i - 1] >= BREAK) drawBreak(x(i - 1), x(i), E.at[i] - E.at[i - 1], height);
    }
  }
  line(0, AXIS - 0.5, width, AXIS - 0.5, ink.line);
  line(GUTTER - 0.5, 0, GUTTER - 0.5, height, ink.line);
}
function drawBreak(x0, x1, gap, height) {
  if (x1 < GUTTER || x1 - x0 < 14) return;
  const px = (Math.max(x0, GUTTER) + x1) / 2, y = AXIS + STORY / 2;
  line(px - 5, y + 5, px - 1, y - 5, ink.muted, 1.3); line(px, y + 5, px + 4, y - 5, ink.muted, 1.3);
  pen.font = "10px system-ui, sans-serif"; pen.textBaseline = "middle";
  const caption = span(gap), wide = pen.measureText(caption).width;
  if (wide + 16 < x1 - Math.max(x0, GUTTER)) { pen.fillStyle = ink.muted; pen.fillText(caption, px + 7, y); drawn++; }
  line(px, tops, px, height, ink.line, 1, [1, 5]);
}
function drawStory(from, to, height) {
  const y = AXIS + STORY / 2;
  gutter("story", AXIS, STORY, false, true);
  if (state.selected >= from && state.selected <= to && N) {
    const px = x(state.selected);
    if (px >= GUTTER) { line(px, 0, px, height, ink.accent, 1.5); shape([[px - 5, 0], [px + 5, 0], [px, 7]], ink.accent); }
  }
  let lastX = -99;
  data.deviations.forEach(([, event, nth], k) => {
    const px = x(event), caption = nth ?? k + 1;
    if (event < from || event > to || px < GUTTER || px - lastX < 3) return;
    if (!few) { lastX = px; line(px, y - 5, px, y + 5, ink.deviation, 1.5); hit(px - 2, AXIS, px + 2, tops, event, `deviation ${caption}`); return; }
    line(px, AXIS + STORY, px, height, ink.deviation, 1, [4, 4]);
    shape([[px, y - 8], [px + 8, y], [px, y + 8], [px - 8, y]], ink.deviation);
    if (px - lastX > 14) { pen.font = "700 9px system-ui, sans-serif"; pen.textAlign = "center"; pen.fillStyle = ink.panel; pen.fillText(String(caption), px, y + 0.5); pen.textAlign = "left"; }
    lastX = px;
    hit(px - 8, AXIS, px + 8, tops, event, `deviation ${caption}`);
  });
  const [early, late] = [data.deviations.filter(([, event]) => event < from || x(event) < GUTTER).length, data.deviations.filter(([, event]) => event > to).length];
  if (early) beyond(`◀ ◆ ${early} earlier`, GUTTER + 4, "left", ink.deviation, () => deviate(-1));
  if (late) beyond(`${late} later ◆ ▶`, canvas.clientWidth - 6, "right", ink.deviation, () => deviate(1));
  if (state.matches) {
    let at = -9;
    for (const i of state.matches) {
      if (i < from || i > to) continue;
      const px = x(i);
      if (px - at < 2) continue;
      at = px; drawn++;
      pen.fillStyle = ink.accent; pen.fillRect(px - 1, AXIS - 4, 2, 4);
    }
  }
  if (data.failure >= from && data.failure <= to) {
    const px = data.said ? x(data.failure) : X(extent());
    line(px, AXIS, px, height, ink.bad, 1.5);
    pen.font = "600 11px system-ui, sans-serif";
    const wide = pen.measureText("failure").width + 12, left = px + wide > canvas.clientWidth ? px - wide : px;
    pen.fillStyle = ink.bad; pen.fillRect(left, AXIS + 2, wide, STORY - 4);
    pen.fillStyle = ink.panel; pen.textBaseline = "middle"; pen.fillText("failure", left + 6, y + 0.5);
    hit(left, AXIS, left + wide, tops, data.failure);
  }
}
function beyond(caption, px, align, colour, press) {
  pen.font = "600 11px system-ui, sans-serif"; pen.textBaseline = "middle"; pen.textAlign = align;
  const wide = pen.measureText(caption).width, left = align === "left" ? px : px - wide;
  pen.fillStyle = ink.panel; pen.fillRect(left - 4, AXIS + 1, wide + 8, STORY - 2);
  pen.fillStyle = colour; pen.fillText(caption, px, AXIS + STORY / 2); pen.textAlign = "left"; drawn++;
  hit(left, AXIS, left + wide, tops, -1, "deviations that are out of sight", press);
}
function hitAt(px, y) {
  for (let k = hits.length - 1; k >= 0; k--) {
    const [x0, y0, x1, y1, event, , , slanted] = hits[k];
    if (!slanted && px >= x0 && px <= x1 && y >= y0 && y <= y1) return hits[k];
    if (slanted && near(px, y, x0, y0, x1, y1)) return hits[k];
  }
  return null;
}
function near(px, y, x0, y0, x1, y1) {
  const dx = x1 - x0, dy = y1 - y0, share = Math.min(1, Math.max(0, ((px - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - x0 - share * dx, y - y0 - share * dy) < 4;
}
function showTip(at, event) {
  const tip = $("tip");
  tip.hidden = !at;
  if (!at) return;
  const [, , , , i, caption] = at;
  const own = i >= 0 ? `${id(i)} ${moment(E.at[i])} ${sentence(i)}` : "";
  tip.textContent = [caption, own.length > 400 ? `${own.slice(0, 400)}…` : own].filter(Boolean).join("\n");
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18}px`;
}
const spot = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
let dragged = null;
canvas.addEventListener("pointerdown", (event) => { dragged = { x: event.clientX, y: event.clientY, left: view.left, scroll: lanesBox.scrollTop, moved: false }; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointermove", (event) => {
  if (dragged) {
    dragged.moved ||= Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y) > 4;
    if (dragged.moved) {
      lanesBox.classList.add("dragged"); showTip(null);
      lanesBox.scrollTop = dragged.scroll - (event.clientY - dragged.y);
      setView(dragged.left - (event.clientX - dragged.x) / plot() * view.span, view.span);
    }
    return;
  }
  hovered = hitAt(...spot(event));
  lanesBox.classList.toggle("over", Boolean(hovered));
  showTip(hovered, event);
});
canvas.addEventListener("pointerup", (event) => {
  const was = dragged;
  dragged = null; lanesBox.classList.remove("dragged");
  const at = was && !was.moved && hitAt(...spot(event));
  if (!at) return;
  if (typeof at[6] === "function") at[6](); else if (at[6]) showSubject(at[6]); else if (at[4] >= 0) select(at[4]);
});
canvas.addEventListener("pointerleave", () => showTip(null));
canvas.addEventListener("wheel", (event) => {
  const [px] = spot(event);
  if (px < GUTTER) return;          // over the names it scrolls
  event.preventDefault(); showTip(null);
  const turn = event.deltaMode ? event.deltaY * 16 : event.deltaY, aside = event.shiftKey ? turn : event.deltaX;
  if (aside) setView(view.left + aside / plot() * view.span, view.span);
  else zoom(Math.exp(Math.max(-240, Math.min(240, turn)) / 480), view.left + (px - GUTTER) / plot() * view.span);
}, { passive: false });
lanesBox.addEventListener("scroll", draw);

// --- list: only the rows in sight are in the document --------------------------------------------

const list = (() => {
  const box = $("list"), held = $("rows"), HEIGHT = 22;
  function signOf(i) {
    if (i === data.failure) return ["✖", "bad", "failure"];
    if (few && deviationsOf.has(i)) return [`◆${deviationsOf.get(i)[0]}`, "deviation", "deviation"];
    if (["fault", "killed", "error", "broken"].includes(mark(i))) return ["▲", "bad", "trouble"];
    return named.has(i) ? ["•", "named", "in the story"] : ["", "", ""];
  }
  function row(k) {
    const i = state.shown[k], [sign, style, caption] = signOf(i);
    const made = el("div", { id: `event-${i}`, role: "option", className: `row${E.routine[i] ? " faint" : ""}${data.said && i === data.failure ? " broken" : ""}`,
      "aria-selected": String(i === state.selected), "aria-posinset": k + 1, "aria-setsize": state.shown.length },
      el("span", { className: "id" }, id(i)), el("time", {}, moment(E.at[i])),
      el("span", { className: `sign ${style}`, title: caption }, sign), el("span", { className: "who" }, who(i)),
      el("span", { className: "said" }, words(i).slice(0, 300).replace(/\s*\n\s*/g, " ⏎ ")));
    made.dataset.event = i;
    made.style.top = `${k * HEIGHT}px`;
    return made;
  }
  function render() {
    const from = Math.max(0, Math.floor(box.scrollTop / HEIGHT) - 4), to = Math.min(state.shown.length, from + Math.ceil(box.clientHeight / HEIGHT) + 8);
    held.style.height = `${state.shown.length * HEIGHT}px`;
    const made = [];
    for (let k = from; k < to; k++) made.push(row(k));
    if (!state.shown.length) made.push(el("p", { className: "empty" }, N ? "No event fits the search." : "Nothing happened in this run."));
    held.replaceChildren(...made);
    const k = lower(state.shown, state.selected), there = state.shown[k] === state.selected && k >= from && k < to;
    if (there) box.setAttribute("aria-activedescendant", `event-${state.selected}`); else box.removeAttribute("aria-activedescendant");
  }
  function tell(i) {
    const k = lower(state.shown, i), top = k * HEIGHT;
    if (i >= 0 && (top < box.scrollTop + HEIGHT || top > box.scrollTop + box.clientHeight - 2 * HEIGHT)) {
      held.style.height = `${state.shown.length * HEIGHT}px`;
      box.scrollTop = Math.max(0, top - box.clientHeight / 2);
    }
    render();
  }
  box.addEventListener("scroll", render);
  held.addEventListener("click", (event) => { const at = event.target.closest(".row"); if (at) select(Number(at.dataset.event)); });
  return { render, tell, page: () => Math.max(1, Math.floor(box.clientHeight / HEIGHT) - 1) };
})();

// --- details: of an event, with its tables, or of a job ------------------------------------------

function select(i) {
  if (i < 0 || i >= N) return;
  state.selected = i; state.subject = null; state.limit = 30;
  list.tell(i);
  reveal(i);
  showEvent(i);
  $("selection").textContent = `Event ${number(i)} of ${data.size ?? N}, ${moment(E.at[i])}: ${sentence(i).slice(0, 400)}`;
  draw();
}
const link = (i, caption) => el("button", { type: "button", className: "link", on: () => select(i) }, caption || id(i));
const eventLink = (i) => { const caption = `${id(i)} ${sentence(i)}`; return link(i, caption.length > 160 ? `${caption.slice(0, 160)}…` : caption); };
function showEvent(i) {
  const facts = el("dl");
  const fact = (name, style, ...values) => facts.append(el("dt", {}, name), el("dd", { className: style }, ...values));
  if (deviationsOf.has(i)) fact("shows", "", `deviation ${deviationsOf.get(i).slice(0, 12).join(", ")}`);
  if (E.cause[i] >= 0) fact("because of", "", eventLink(E.cause[i]));
  const led = effects.get(i) || [];
  if (led.length) fact("led to", "many", ...led.slice(0, 6).map(eventLink), ...(led.length > 6 ? [`and ${led.length - 6} more`] : []));
  const hops = E.statement[i] >= 0 ? hopsOf.get(E.statement[i]) : null;
  if (hops) {
    const [number, , title, sent, executed, ended, replied, failed] = hops;
    const steps = [["sent", sent], ["executed", executed === ended ? -1 : executed], [failed ? "failed" : "committed", ended], ["replied", replied]].filter(([, at]) => at >= 0);
    fact("statement", "", el("span", {}, `${number} (${title})`), ...steps.map(([caption, at]) => link(at, `${caption} ${moment(E.at[at])}`)));
  }
  const about = [...new Set(E.about[i])];
  if (about.length) {
    const buttons = about.slice(0, 8).map((subject) => el("button", { type: "button", className: "link", on: () => showSubject(subject) }, `${data.labels[subject] || subject}: history`));
    fact("about", "", ...buttons, ...(about.length > 8 ? [`and ${about.length - 8} more`] : []));
  }
  $("details").replaceChildren(
    el("div", { className: "title" }, el("h2", {}, id(i)), el("time", {}, moment(E.at[i])), el("b", {}, who(i)), el("span", {}, kind(i).replaceAll("_", " ")),
      i === data.failure ? el("span", { className: "badge bad" }, data.said ? "✖ failure" : "✖ the last event before the failure") : ""),
    el("p", { className: "words" }, sentence(i)), facts, tablesAround(i));
  $("details").scrollTop = 0;
}
function tablesAround(i) {
  const many = changesFrom[i + 1] - changesFrom[i], these = kind(i) === LEFT_OUT ? "these events change" : "this event changes";
  const modes = [["both", "Before and after"], ["before", "Before"], ["after", "After"]].map(([mode, caption]) =>
    el("button", { type: "button", "aria-pressed": String(state.tables === mode), on: () => { state.tables = mode; again(`[data-mode="${mode}"]`); }, "data-mode": mode }, caption));
  const box = el("div", { id: "tables" }, el("div", { className: "tableshead" }, el("h3", {}, "Tables"),
    el("span", { className: "facts" }, many ? `${these} ${many} row${many > 1 ? "s" : ""}` : `${these} nothing`),
    el("span", { className: "tools", role: "group", "aria-label": "Tables as they stood" }, ...modes)));
  const again = (focus) => { box.replaceWith(tablesAround(i)); document.querySelector(`#tables ${focus}`)?.focus(); };
  H.tables.forEach(([name], table) => box.append(...tableAround(table, name, i, again)));
  return box;
}
function tableAround(table, name, i, again) {
  const rows = around(table, i), absent = [hidden(table, i - 1), hidden(table, i)];
  const counts = [0, 1].map((k) => absent[k] + rows.filter(([, versions]) => versions[k] >= 0).length);
  const size = counts[0] === counts[1] ? `${counts[0]} row${counts[0] === 1 ? "" : "s"}` : `${counts[0]} → ${counts[1]} rows`;
  const without = absent[1] ? `, ${absent[1]} of them not on this page: none of its events is about them` : "";
  const title = el("p", { className: "name" }, el("b", {}, name), " ", el("span", {}, counts[0] + counts[1] ? size + without : "no rows"));
  if (!rows.length) return [title];
  const late = name === "log" || name === "statistics";
  // What the event changes or is about comes first; of the others, the newest where rows pile up.
  const near = ([id, versions]) => versions[2] || E.about[i].includes(`${name.slice(0, -1)} ${id}`);
  const nearRows = rows.filter(near).slice(0, state.limit * 4), rest = rows.filter((row) => !near(row));
  const room = Math.max(0, late ? Math.ceil(state.limit / 3) : state.limit - nearRows.length);
  const others = late ? rest.slice(Math.max(0, rest.length - room)) : rest.slice(0, room), shown = [...nearRows, ...others];
  const columns = H.tables[table][1].map((column, k) => [column, k]).filter(([, k]) => used[table][k]);
  const body = el("tbody");
  shown.forEach(([, [old, version, differs]], place) => {
    const line = (which, other, style, sign) => {
      if (which < 0) return;
      const cells = columns.map(([, k]) => {
        const caption = H.texts[H.rows[which][k]], changedCell = differs && other >= 0 && H.rows[which][k] !== H.rows[other][k];
        return el("td", { className: changedCell ? "changed" : "", title: caption.length > 30 ? caption : "" }, caption);
      });
      body.append(el("tr", { className: `${style}${place === nearRows.length && place ? " parted" : ""}` }, el("td", {}, sign, sign ? el("span", { className: "unseen" }, style) : ""), ...cells));
    };
    if (!differs) { line(old, old, "", ""); return; }
    if (state.tables !== "after") line(old, version, "before", "−");
    if (state.tables !== "before") line(version, old, "after", "+");
  });
  const left = rows.length - shown.length;
  const more = left > 0 ? [el("button", { type: "button", className: "link", "data-more": name, on: () => { state.limit += 170; again(`[data-more="${name}"], #tables button`); } }, `${left} more row${left > 1 ? "s" : ""}`)] : [];
  const grid = el("table", { "aria-label": `${name}, ${state.tables === "both" ? "before and after" : state.tables} event ${number(i)}` }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, el("span", { className: "unseen" }, "change")), ...columns.map(([column]) => el("th", { scope: "col" }, column === "queue_manager_id" ? "manager" : column.replaceAll("_", " "))))), body);
  return [title, el("div", { className: "hold", tabIndex: 0, role: "region", "aria-label": `${name} table` }, grid), ...more];
}
function showSubject(subject) {
  const held = bySubject.get(subject) || [], items = el("ol", { className: "history" }), MOST = 300;
  state.subject = subject;
  let folded = 0;
  const fold = () => { if (folded) items.append(el("li", { className: "fold" }, `… ${folded} heartbeat${folded > 1 ? "s" : ""} and other routine`)); folded = 0; };
  for (const i of held) {
    if (items.childElementCount >= MOST) break;
    if (E.routine[i]) { folded++; continue; }
    fold();
    items.append(el("li", {}, el("button", { type: "button", on: () => { select(i); $("details").focus(); } }, el("span", { className: "id" }, id(i)), el("time", {}, moment(E.at[i])), el("span", {}, `${who(i)} ${words(i).slice(0, 500)}`))));
  }
  fold();
  const only = el("button", { type: "button", on: () => { $("search").value = subject; filter(); $("list").focus(); } }, `Show only ${subject} in the list`);
  const name = data.labels[subject] || subject;
  $("details").replaceChildren(el("div", { className: "title" }, el("h2", {}, `History of ${name}`), el("span", {}, `${held.length} event${held.length === 1 ? "" : "s"}`)), items, only);
  $("details").scrollTop = 0;
  $("selection").textContent = `History of ${name}, ${held.length} events`;
  const k = rows.indexOf(subject), top = k * ROW + (pins(lanesBox.clientHeight) ? 0 : processesHeight), room = lanesBox.clientHeight - tops - processesHeight;
  if (k >= 0 && (top < lanesBox.scrollTop || top > lanesBox.scrollTop + room - 2 * ROW)) lanesBox.scrollTop = Math.max(0, top - room / 2);
  draw();
}

// --- keys, buttons, and the beginning ------------------------------------------------------------

function deviate(by) {
  const events = [...deviationsOf.keys()].sort((a, b) => a - b);
  if (!events.length) return;
  const next = by > 0 ? events.find((i) => i > state.selected) ?? events[0] : events.findLast((i) => i < state.selected) ?? events.at(-1);
  select(next);
}
const fail = () => select(data.failure);
const help = () => $("keys").showModal();
const search = () => { $("search").focus(); $("search").select(); };
const commands = {
  f: fail, n: () => deviate(1), p: () => deviate(-1), "/": search, "?": help, t: () => setScale(view.scale === "true" ? "short" : "true"),
  "+": () => zoom(1 / 1.6), "=": () => zoom(1 / 1.6), "-": () => zoom(1.6), 0: () => setView(0, extent() * 2),
  c: () => state.selected >= 0 && select(E.cause[state.selected]),
  j: () => { const [subject] = state.selected >= 0 ? E.about[state.selected] : []; if (subject) { showSubject(subject); $("details").focus(); } },
};
const moves = {
  ArrowDown: () => step(1), ArrowUp: () => step(-1), Home: () => step(-N), End: () => step(N),
  Enter: () => $("details").focus(), PageDown: () => step(list.page()), PageUp: () => step(-list.page()),
};
const aside = (by) => () => setView(view.left + by * view.span / 5, view.span);
const over = {
  ...moves, ArrowRight: moves.ArrowDown, ArrowLeft: moves.ArrowUp, "Shift ArrowRight": aside(1), "Shift ArrowLeft": aside(-1),
  PageDown: () => { lanesBox.scrollTop += 5 * ROW; }, PageUp: () => { lanesBox.scrollTop -= 5 * ROW; },
};
function obey(map) {
  return (event) => {
    const key = `${event.shiftKey && event.key.startsWith("Arrow") ? "Shift " : ""}${event.key}`;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(map, key)) return;
    event.preventDefault(); event.stopPropagation();
    map[key]();
  };
}
$("list").addEventListener("keydown", obey(moves));
lanesBox.addEventListener("keydown", obey(over));
document.addEventListener("keydown", (event) => {
  if ($("keys").open) return;
  if (event.key === "Escape") { if ($("search").value) { $("search").value = ""; filter(); } $("list").focus(); return; }
  if (event.target.matches("input[type=search]")) { if (event.key === "Enter" || event.key === "ArrowDown") { event.preventDefault(); $("list").focus(); if (!state.shown.includes(state.selected)) step(1); } return; }
  obey(commands)(event);
});
$("search").addEventListener("input", () => { filter(); $("selection").textContent = `${state.shown.length} events found`; });
$("routine").addEventListener("change", filter);
const buttons = { "to-failure": fail, "previous-deviation": () => deviate(-1), "next-deviation": () => deviate(1), help, "zoom-in": commands["+"], "zoom-out": commands["-"], fit: commands[0], scale: commands.t };
for (const [id, press] of Object.entries(buttons)) $(id)?.addEventListener("click", press);
for (const button of document.querySelectorAll("#story [data-event]")) button.addEventListener("click", () => select(Number(button.dataset.event)));

/** Give names the room that the longest of them needs, within reason. */
function fitNames() {
  const longest = (names) => names.reduce((most, name) => name.length > most.length ? name : most, "");
  pen.font = "600 12px system-ui, sans-serif";
  const wide = pen.measureText(`● ${longest([...Object.values(data.labels), ...data.processes])}`).width;
  GUTTER = Math.round(Math.min(Math.max(wide + 32, 110), 240));
  $("list").style.setProperty("--who", `${Math.min(16, longest(E.who.texts).length + 1) * 0.62}em`);
}
const LEGEND = [["queued", () => barSign("panel", "queued", 8)], ["picked", () => barSign("picked-ground", "picked", 8)], ["running", () => barSign("running-ground", "running", 8)],
  ["done", () => signs.successful(4, 7)], ["exception", () => signs.exception(4, 7)], ["heartbeat", () => { barSign("running-ground", "running", 8); signs.beat(11, 5); }],
  ["statement", () => arrow(2, 13, 18, 1, ink.statement, 1.4)], ["notification", () => arrow(2, 1, 18, 13, ink.note, 1, [2, 3])],
  ["fault", () => signs.fault(11, 8)], ["killed", () => signs.killed(11, 7)], ["deviation", () => shape([[11, 0], [18, 7], [11, 14], [4, 7]], ink.deviation)],
  ["deleted", () => signs.deleted(4, 7)], ["canceled", () => signs.canceled(4, 7)], ["broken invariant", () => { pen.scale(0.8, 0.8); signs.broken(14, 8.7); }],
  ["error", () => signs.error(11, 7)], ["chosen by the scenario", () => signs.chosen(11, 7)], ["paused or blocked", () => barSign("stalled", "bad", 12)], ["log line", () => signs.log(11, 7)]];
function barSign(fill, stroke, height) { pen.fillStyle = ink[fill]; pen.fillRect(1, 7 - height / 2, 20, height); pen.strokeStyle = ink[stroke]; pen.lineWidth = 1; pen.strokeRect(1.5, 7.5 - height / 2, 19, height - 1); }
function drawLegend(box, items) {
  box.replaceChildren(...items.map(([caption, paint]) => {
    const small = el("canvas", { width: 44, height: 28 });
    withPen(small.getContext("2d"), () => { pen.scale(2, 2); paint(); });
    return el("span", {}, small, caption);
  }));
}
function withPen(other, what) { const own = pen; pen = other; what(); pen = own; }

function dress() { readInk(); drawLegend($("legend"), LEGEND.slice(0, 8)); drawLegend($("signs"), LEGEND); draw(); }
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dress);
new ResizeObserver(() => { list.render(); draw(); }).observe(lanesBox);
new ResizeObserver(() => list.render()).observe($("list"));
fitNames();
dress();
filter();
begin();
if (N) select(data.failure >= 0 ? data.failure : 0);
})();
