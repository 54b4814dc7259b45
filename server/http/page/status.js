// Shows what status.json of the same server tells (docs/status.md), asks again and again, and says when no answer comes.

const REFRESH_MS = 5000;
const LOST_REFRESH_MS = 2000;
const PATIENCE_MS = 4000;
const DAY = 86400;
const STALE_BACKUP_S = 26 * 3600;
// A week, and a day for who tries one every week.
const STALE_DRILL_S = 8 * DAY;
const FAILURES_WORTH_A_LOOK = 0.05;
const LAG_WORTH_A_LOOK_S = 60;
const SVG = "http://www.w3.org/2000/svg";

const at = (id) => document.getElementById(id);

// Text for people.

const numbers = new Intl.NumberFormat("en");
const count = (value) => numbers.format(value);
const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

function bytes(value) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit + 1 < units.length; unit++) value /= 1024;
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

const milliseconds = (value) =>
  value >= 1000 ? `${(value / 1000).toPrecision(3)} s` : `${Number(value.toPrecision(2))} ms`;

const rate = (value) => (value >= 10 || value === 0 ? count(Math.round(value)) : String(Number(value.toPrecision(2))));

function span(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * DAY) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / DAY)} days`;
}

const clock = (time) => `${time.toISOString().slice(0, 19).replace("T", " ")} UTC`;

// A server's own clock says how long ago something was.
function times(status) {
  const now = Date.parse(status.now) / 1000;
  const ago = (seconds) => (seconds <= now ? `${span(now - seconds)} ago` : `in ${span(seconds - now)}`);
  return { now, secondsSince: (text) => now - Date.parse(text) / 1000, ago, agoOf: (text) => ago(Date.parse(text) / 1000) };
}

// Elements, written to only where something has changed, so that nobody's selection or place is lost.

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// A long path or address goes on in the next line after a slash.
const breakable = (text) => text.split(/(?<=\/)/).flatMap((part) => [part, make("wbr")]);

// A row is [name, text], and a third member, true, where it needs a look.
function showCard(id, title, rows) {
  let card = at(`card-${id}`);
  if (card === null) {
    card = make("section", { id: `card-${id}`, class: "card", "aria-labelledby": `title-${id}` });
    card.append(make("h2", { id: `title-${id}` }, title), make("dl"));
    at("cards").append(card);
  }
  const state = JSON.stringify(rows);
  if (card.dataset.state === state) return;
  card.dataset.state = state;
  card.lastChild.replaceChildren(
    ...rows.flatMap(([name, text, look]) => [make("dt", {}, name), make("dd", look ? { class: "warn" } : {}, ...breakable(text))]),
  );
}

// What is told, a card for each question.

function showStore(status, { agoOf }) {
  const store = status.backends.find((backend) => backend.serving);
  if (store === undefined) return showCard("store", "Database", [["serves", "none", true]]);
  const minute = store.last_minute;
  const rows = [
    ["name", store.name],
    ["place", store.location ?? "not opened yet"],
    ["layout", store.layout || "its own"],
    ["TLS", store.tls || (store.kind === "sqlite" ? "a file of this machine" : "none")],
    ["pooler", store.pooler || "none"],
    ["schema", `version ${store.schema_version ?? "?"}`],
    ["answers", status.database.answers ? "yes" : "no", !status.database.answers],
  ];
  if (store.serving_since) rows.push(["serves since", agoOf(store.serving_since)]);
  rows.push(
    ["connections", count(store.connections)],
    ["calls at work", count(store.calls_at_work)],
    ["calls waiting", count(store.calls_waiting)],
    ["in a minute", counted(minute.statements, "statement")],
    ["of these failed", count(minute.errors)],
    ["p50", milliseconds(minute.median_ms)],
    ["p95", milliseconds(minute.p95_ms)],
    ["p99", milliseconds(minute.p99_ms)],
  );
  const classes = Object.entries(store.errors_by_class).map(([name, errors]) => `${name} ${count(errors)}`);
  rows.push(["errors ever", classes.join(", ") || "none"]);
  showCard("store", "Database", rows);
}

function showOthers(status, { agoOf }) {
  const others = status.backends.filter((backend) => !backend.serving);
  const asked = (backend) => (backend.last_asked ? `asked ${agoOf(backend.last_asked)}` : "not asked");
  const rows = others.map((backend) => [backend.name, asked(backend)]);
  showCard("others", "Other databases", rows.length > 0 ? rows : [["configured", "none"]]);
}

function showCallers(status) {
  const { calls, pipes } = status;
  const ended = Object.entries(calls.ended).map(([code, number]) => [code, count(number), code === "DATA_LOSS"]);
  showCard("callers", "Callers", [
    ["address", status.address],
    ["transport", status.transport],
    ["access", status.access === "open" ? "open to whoever reaches it" : status.access],
    ["processes", count(pipes.streams)],
    ["open sessions", count(pipes.channels)],
    ["held for them", bytes(pipes.bytes)],
    ["calls under way", count(calls.under_way)],
    ["refused", counted(calls.refused_callers, "caller")],
  ]);
  showCard("ended", "How requests ended", ended.length > 0 ? ended : [["requests", "none yet"]]);
}

// Of how many sessions a state is told: of some, where there are many.
function statesOf({ sessions, without_creds: without, states, states_of: lookedAt }) {
  const withCreds = sessions - without;
  const all = lookedAt >= withCreds || lookedAt === 0;
  const guess = (state) => (all || state === "orphaned" ? states[state] : (states[state] / lookedAt) * withCreds);
  const isKnown = (state) => all || state === "orphaned" || states[state] === 0;
  const text = (state) => (isKnown(state) ? "" : "about ") + count(Math.round(guess(state)));
  return { all, lookedAt, names: Object.keys(states), number: (state) => Math.round(guess(state)), text };
}

const WRONG_STATES = ["half-paired", "code-requested", "orphaned", "damaged"];

function showSessions(status, { agoOf }) {
  const { sessions } = status;
  if (sessions === null) return showCard("sessions", "Sessions", [["counted", "not yet"]]);
  const states = statesOf(sessions);
  const isWrong = (state) => WRONG_STATES.includes(state) && states.number(state) > 0;
  const rows = [
    ["in the store", count(sessions.sessions)],
    ...states.names.map((state) => [state, states.text(state), isWrong(state)]),
    ["idle for a week", count(sessions.idle)],
    ["keys", count(sessions.keys)],
    ["stored", bytes(sessions.bytes)],
    ["counted", agoOf(sessions.listed)],
  ];
  if (!states.all) rows.push(["states of", counted(states.lookedAt, "session")]);
  showCard("sessions", "Sessions", rows);
}

function showLeases({ leases, sessions }) {
  showCard("leases", "Leases", [
    ["held", sessions === null ? "not counted yet" : count(sessions.leased)],
    ...["gained", "stolen", "refused", "lost", "released"].map((event) => [`${event} here`, count(leases[event])]),
  ]);
}

function showWriteBehind({ write_behind: behind }, { agoOf }) {
  if (behind === null) return showCard("behind", "Write-behind", [["lag", "none: every commit is in the database"]]);
  showCard("behind", "Write-behind", [
    ["database", behind.away_since ? `away since ${agoOf(behind.away_since)}` : "answers", Boolean(behind.away_since)],
    ["lag", `${span(behind.lag_seconds)} of ${span(behind.max_lag_seconds)}`, behind.lag_seconds > LAG_WORTH_A_LOOK_S],
    ["to be flushed", `${counted(behind.commits, "commit")} of ${counted(behind.dirty_sessions, "session")}`],
    ["bytes", `${bytes(behind.bytes)} of ${bytes(behind.max_bytes)}`],
    ["at home here", counted(behind.sessions, "session")],
    ["kept aside", count(behind.orphans), behind.orphans > 0],
  ]);
}

function showBackup({ backup }, { ago, now }) {
  if (backup === null) return showCard("backup", "Backup", [["told", "no: give --backup-metrics"]]);
  const made = backup.last_success_timestamp_seconds;
  const tried = backup.drill_last_success_timestamp_seconds;
  const rows = [["last one", made === undefined ? "none known" : ago(made), !(now - made < STALE_BACKUP_S)]];
  if (made !== undefined) {
    const unread = backup.last_unread_sessions ?? 0;
    rows.push(["sessions in it", count(backup.last_sessions ?? 0)], ["it lacks", count(unread), unread > 0]);
  }
  rows.push(["restored on trial", tried === undefined ? "never, as far as known" : ago(tried), !(now - tried < STALE_DRILL_S)]);
  if (backup.error) rows.push(["figures", backup.error, true]);
  showCard("backup", "Backup", rows);
}

function showSafety(status, { agoOf, secondsSince }) {
  const { maintenance, encryption, audit, certificate } = status;
  showCard("maintenance", "Maintenance", [
    ["state", maintenance === null ? "none" : `since ${agoOf(maintenance.since)}`, maintenance !== null],
    ...(maintenance === null
      ? []
      : [
          ["reason", maintenance.reason],
          ["held", counted(maintenance.held, "call")],
          ["refused", counted(maintenance.refused, "call")],
        ]),
  ]);
  const ends = certificate === null ? undefined : -secondsSince(certificate.expires) < 14 * DAY;
  showCard("safety", "Safety", [
    ["encryption", encryption === null ? "off for new sessions" : `on, key ${encryption.active_key}`],
    ["audit log", audit === null ? "off" : audit.failing ? "cannot be written" : "is written", Boolean(audit?.failing)],
    ...(audit === null ? [] : [["records lost", count(audit.lost), audit.lost > 0]]),
    ["certificate", certificate === null ? "none" : `expires ${agoOf(certificate.expires)}`, Boolean(ends)],
  ]);
}

// Plots.

const PLOT = { width: 300, height: 84, top: 6 };
const sum = (values) => values.reduce((total, value) => total + (value ?? 0), 0);
const highest = (values) => values.reduce((most, value) => Math.max(most, value ?? 0), 0);

// A line through the values, the newest at the right end, broken where there is none.
function path(values, most, capacity) {
  const x = (i) => ((capacity - values.length + i) / (capacity - 1)) * PLOT.width;
  const y = (value) => PLOT.height - (value / most) * (PLOT.height - PLOT.top);
  let broken = true;
  return values.reduce((line, value, i) => {
    if (value === null) {
      broken = true;
      return line;
    }
    const point = `${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    // One point alone is a dot.
    line += broken ? `M${point}h.01` : `L${point}`;
    broken = false;
    return line;
  }, "");
}

function showPlot(id, title, lines, text, seconds, capacity) {
  let figure = at(`plot-${id}`);
  if (figure === null) {
    figure = make("figure", { id: `plot-${id}` }, make("figcaption"), make("ul", { class: "legend" }));
    for (const { name, style } of lines) {
      const sample = draw("svg", { viewBox: "0 0 28 10", "aria-hidden": "true" });
      sample.append(draw("line", { class: style, x1: 0, x2: 28, y1: 5, y2: 5 }));
      figure.lastChild.append(make("li", {}, sample, make("span", {}, name)));
    }
    const plot = draw("svg", { viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, preserveAspectRatio: "none", role: "img" });
    plot.append(...lines.map(({ style }) => draw("path", { class: style })));
    figure.append(plot, make("p", { class: "scale" }, make("span"), make("span"), make("span", {}, "now")));
    at("plots").append(figure);
  }
  const [caption, legend, plot, scale] = figure.children;
  const most = highest(lines.map(({ values }) => highest(values)));
  const top = most === 0 ? "none" : `top: ${text(most)}`;
  write(caption, title);
  const says = lines.map(({ name, values }, i) => {
    const last = values.at(-1) ?? null;
    plot.children[i].setAttribute("d", path(values, most || 1, capacity));
    const said = `${name} ${last === null ? "–" : text(last)}`;
    write(legend.children[i].lastChild, said);
    return said;
  });
  plot.setAttribute("aria-label", `${title}: ${says.join(", ")}; in ${span(seconds)} ${top}`);
  write(scale.children[0], `${span(seconds)} ago`);
  write(scale.children[1], top);
}

function showPlots({ history }) {
  const { step_seconds: step, requests, failures } = history;
  const capacity = 180;
  const seconds = capacity * step;
  const each = (values) => values.map((value) => value / step);
  const quantile = (name) => ({ name, style: name, values: history[`${name}_ms`] });
  showPlot(
    "latency",
    `Latency of ${history.backend || "the database"}`,
    [quantile("p50"), quantile("p95"), quantile("p99")],
    milliseconds,
    seconds,
    capacity,
  );
  const perSecond = (value) => `${rate(value)} a second`;
  const asked = [{ name: "requests", style: "p50", values: each(requests) }];
  showPlot("requests", "Requests", asked, perSecond, seconds, capacity);
  const failed = [{ name: "failures", style: "p99", values: each(failures) }];
  showPlot("failures", "Failures that are no fault of the caller", failed, perSecond, seconds, capacity);
}

// The verdict.

// Each a text, and a command that tells more, where there is one.
function worthALook(status, { ago, agoOf, now, secondsSince }) {
  const { write_behind: behind, audit, calls, certificate, backup, sessions, maintenance, history } = status;
  const found = status.reasons.map(({ reason, message }) => [`${reason}: ${message}`]);
  const look = (condition, text) => condition && found.push([text()].flat());
  look(behind?.away_since, () => `The database is away; ${counted(behind.commits, "commit")} wait in the file`);
  look(maintenance !== null, () => `Maintenance since ${agoOf(maintenance.since)}: ${maintenance.reason}`);
  const lost = calls.ended.DATA_LOSS ?? 0;
  look(lost > 0, () => [`${counted(lost, "answer")} of DATA_LOSS: something stored is not what was written`, "authstatectl store verify"]);
  const asked = sum(history.requests);
  const failed = sum(history.failures);
  look(failed > asked * FAILURES_WORTH_A_LOOK, () => `${count(failed)} of ${counted(asked, "request")} failed lately`);
  look(behind?.lag_seconds > LAG_WORTH_A_LOOK_S, () => `The database is ${span(behind.lag_seconds)} behind the file`);
  look(behind?.orphans > 0, () => [`${count(behind.orphans)} kept aside`, "authstatectl write-behind orphans list"]);
  look(audit?.failing, () => "The audit log cannot be written");
  look(audit?.lost > 0, () => `${counted(audit.lost, "record")} of the audit log lost`);
  look(certificate !== null && -secondsSince(certificate.expires) < 14 * DAY, () => `The certificate expires ${agoOf(certificate.expires)}`);
  const made = backup?.last_success_timestamp_seconds;
  look(backup?.error, () => backup.error);
  look(backup !== null && made === undefined && !backup.error, () => "No backup is known of");
  look(now - made >= STALE_BACKUP_S, () => `The last backup was made ${ago(made)}`);
  const tried = backup?.drill_last_success_timestamp_seconds;
  look(made !== undefined && !(now - tried < STALE_DRILL_S), () => [
    tried === undefined ? "No backup is known to have been restored on trial" : `No backup was restored on trial for ${span(now - tried)}`,
    "authstatectl backup drill",
  ]);
  look(backup?.last_unread_sessions > 0, () => `The last backup lacks ${counted(backup.last_unread_sessions, "session")}`);
  if (sessions !== null) {
    const states = statesOf(sessions);
    const wrong = WRONG_STATES.filter((state) => states.number(state) > 0);
    look(wrong.length > 0, () => [
      `Sessions: ${wrong.map((state) => `${states.text(state)} ${state}`).join(", ")}`,
      `authstatectl session list --state ${wrong.join(",")}`,
    ]);
  }
  return found;
}

function showVerdict(status, time) {
  const since = clock(new Date(status.database.since));
  const draining = status.reasons.some(({ reason }) => reason === "DRAINING");
  const verdict = status.ready ? `✓ Serving since ${since}` : draining ? "✗ Stopping" : `✗ Not serving since ${since}`;
  write(at("serving"), verdict);
  at("verdict").className = status.ready ? "good" : "bad";
  const found = worthALook(status, time);
  const list = at("attention");
  if (list.dataset.state !== JSON.stringify(found)) {
    list.dataset.state = JSON.stringify(found);
    list.replaceChildren(
      ...found.map(([text, command]) => {
        const item = make("li", {}, `⚠ ${text}`);
        if (command !== undefined) item.append(make("code", {}, command));
        return item;
      }),
    );
    list.hidden = found.length === 0;
  }
  document.title = `${status.ready ? "✓" : "✗"} authstate ${location.host}`;
}

function show(status) {
  const time = times(status);
  write(at("server"), `${location.host}, version ${status.version}, up for ${span(status.uptime_seconds)}`);
  showVerdict(status, time);
  showPlots(status);
  showStore(status, time);
  showSessions(status, time);
  showBackup(status, time);
  showSafety(status, time);
  showWriteBehind(status, time);
  showOthers(status, time);
  showLeases(status);
  showCallers(status);
  at("told").hidden = false;
  tick();
}

// Asking again.

let token = "";
let answered = new Date();
let isLost = false;
let timer;

function lose(why) {
  if (!isLost) write(at("lost"), `✗ The server does not answer (${why}). What stands here is of ${clock(answered)}.`);
  isLost = true;
  at("lost").hidden = false;
  write(at("serving"), "? Nobody knows whether it serves");
  at("verdict").className = "";
  document.body.classList.add("lost");
  document.title = `✗ no answer: authstate ${location.host}`;
}

function find() {
  isLost = false;
  answered = new Date();
  at("lost").hidden = true;
  document.body.classList.remove("lost");
}

async function refuse(response) {
  find();
  at("told").hidden = true;
  at("login").hidden = false;
  write(at("refused"), token === "" ? "" : `Refused: ${(await response.text()).trim()}`);
  token = "";
  document.title = `authstate ${location.host}`;
}

// What the server tells; undefined where it does not, which is then shown.
async function ask() {
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  try {
    const response = await fetch("status.json", { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status === 401 || response.status === 403) return await refuse(response);
    if (!response.ok) throw new Error(`it says ${response.status}`);
    return await response.json();
  } catch (error) {
    lose(error.name === "TimeoutError" ? `in ${PATIENCE_MS / 1000} s` : error.message);
  }
}

async function refresh() {
  clearTimeout(timer);
  const status = await ask();
  clearTimeout(timer);
  // Whoever has to show a token asks again by giving one.
  if (!at("login").hidden && status === undefined) return;
  timer = setTimeout(refresh, isLost ? LOST_REFRESH_MS : REFRESH_MS);
  if (status === undefined) return;
  find();
  at("login").hidden = true;
  show(status);
}

function tick() {
  const seconds = Math.round((Date.now() - answered) / 1000);
  at("when").hidden = at("told").hidden && !isLost;
  write(at("when"), isLost ? `no answer for ${span(seconds)}; asking again` : `told ${span(seconds)} ago`);
}

at("login").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  at("token").value = "";
  refresh();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && at("login").hidden) refresh();
});
setInterval(tick, 1000);
refresh();
