"use strict";
// A row is [act, states below 30, states from 30, threads, releases, panic, watchdog, reboot, shutdown, outcome]; all but the
// first and last are sets, one bit for each place.
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const KEYS = ["thread", "release", "panic", "watchdog", "reboot", "shutdown"];
const AT = { thread: 3, release: 4, panic: 5, watchdog: 6, reboot: 7, shutdown: 8 };
const VALUES = { thread: data.threads, release: data.releases, ...data.actions };
const FULL = Object.fromEntries(KEYS.map((key) => [key, 2 ** VALUES[key].length - 1]));
const CANNOT = "cannot happen:";

function option(select, value, text) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = text;
  select.append(made);
}

function fill() {
  option($("what"), "", "anything");
  const groups = new Map();
  for (const [name, note] of data.acts) {
    const kind = /^(guest|host) /.exec(name)?.[1] ?? "command";
    if (!groups.has(kind)) {
      const group = document.createElement("optgroup");
      group.label = { guest: "The guest", host: "On the host", command: "Commands" }[kind];
      groups.set(kind, group);
      $("what").append(group);
    }
    option(groups.get(kind), name, name);
    groups.get(kind).lastChild.title = note;
  }
  option($("state"), "", "any");
  for (const [name, state, variant] of data.states) {
    option($("state"), name, variant && name !== state ? `${state} (${variant})` : state);
  }
  for (const key of KEYS) {
    option($(key), "", "any");
    VALUES[key].forEach((name, place) => option($(key), String(place), name));
  }
}

const isUsual = ([name, state]) => name === state;

// The states that are shown, as the two sets of a row.
function stateMasks() {
  const chosen = $("state").value;
  const masks = [0, 0];
  data.states.forEach((state, place) => {
    const shown = chosen ? state[0] === chosen : $("variants").checked || isUsual(state);
    if (shown) masks[place < 30 ? 0 : 1] |= 1 << place % 30;
  });
  return masks;
}

// What a row says within the filters: its sets cut down to them. Null where nothing is left.
function cut(row, masks) {
  const made = row.slice();
  made[1] &= masks.states[0];
  made[2] &= masks.states[1];
  if (!made[1] && !made[2]) return null;
  for (const key of KEYS) {
    made[AT[key]] &= masks[key];
    if (!made[AT[key]]) return null;
  }
  // A state that none of these releases leads to is no state.
  for (let place = 0; place < data.states.length; place++) {
    const half = place < 30 ? 1 : 2;
    const late = made[4] < 2 ** data.states[place][3];
    if (late) made[half] &= ~(1 << place % 30);
  }
  return made[1] || made[2] ? made : null;
}

// Puts rows together that differ in one set only.
function merge(rows) {
  for (let again = true; again; ) {
    again = false;
    for (let i = 0; i < rows.length; i++) {
      for (let j = i + 1; j < rows.length; j++) {
        const [a, b] = [rows[i], rows[j]];
        if (a[9] !== b[9]) continue;
        const states = a[1] !== b[1] || a[2] !== b[2];
        const others = KEYS.filter((key) => a[AT[key]] !== b[AT[key]]);
        if (others.length + (states ? 1 : 0) > 1) continue;
        for (let k = 1; k < 9; k++) a[k] |= b[k];
        rows.splice(j--, 1);
        again = true;
      }
    }
  }
  return rows;
}

const places = (mask, length) => Array.from({ length }, (_, place) => place).filter((place) => mask & (1 << place));

function releasesOf(mask, shown) {
  if (mask === shown) return $("release").value ? "" : "all";
  const words = [];
  const all = places(shown, data.releases.length);
  let run = [];
  const end = () => {
    if (!run.length) return;
    const [first, last] = [run[0], run[run.length - 1]];
    const name = (place) => data.releases[place];
    words.push(
      first === last ? name(first)
        : first === all[0] ? `up to ${name(last)}`
          : last === all[all.length - 1] ? `${name(first)} and later`
            : `${name(first)} to ${name(last)}`);
    run = [];
  };
  for (const place of all) {
    if (mask & (1 << place)) run.push(place);
    else end();
  }
  end();
  return words.join(", ");
}

function conditionsOf(row) {
  const words = [];
  for (const key of ["panic", "watchdog", "reboot", "shutdown"]) {
    const full = $(key).value ? row[AT[key]] : FULL[key];
    if (row[AT[key]] === full) continue;
    const on = places(row[AT[key]], VALUES[key].length);
    const off = places(full & ~row[AT[key]], VALUES[key].length);
    words.push(off.length === 1 && on.length > 2
      ? `${key}!=${VALUES[key][off[0]]}`
      : `${key}=${on.map((place) => VALUES[key][place]).join("|")}`);
  }
  if (!$("thread").value && row[3] !== FULL.thread) words.push(VALUES.thread[row[3] === 1 ? 0 : 1]);
  return words.join(" ");
}

const inRow = (row, place) => row[place < 30 ? 1 : 2] & (1 << place % 30);
const inShown = (masks, place) => masks.states[place < 30 ? 0 : 1] & (1 << place % 30);

function statesOf(row, masks) {
  if ($("state").value) return [];
  const shown = data.states.map((_, place) => place).filter((place) => inShown(masks, place));
  const on = shown.filter((place) => inRow(row, place));
  const off = shown.filter((place) => !inRow(row, place));
  const named = (list) => {
    const names = [];
    for (const place of list) {
      const [name, state, variant] = data.states[place];
      const whole = shown.every((other) => data.states[other][1] !== state || list.includes(other));
      const text = whole || name === state ? state : `${state} (${variant})`;
      const key = whole ? state : name;
      if (!names.some(([, other]) => other === text)) names.push([key, text]);
    }
    return names;
  };
  if (!off.length && on.length > 1) return ["any state"];
  const [yes, no] = [named(on), named(off)];
  return yes.length > 7 && no.length < yes.length ? ["any but ", ...no] : yes;
}

function text(parent, tag, content, name) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = content;
  parent.append(made);
  return made;
}

function link(parent, content, set) {
  const made = text(parent, "button", content);
  made.type = "button";
  made.addEventListener("click", () => {
    for (const [id, value] of Object.entries(set)) $(id).value = value;
    update();
    scrollTo(0, 0);
  });
  return made;
}

// The name of what happens: clicking it shows only that.
function nameAct(parent, place) {
  const [name, note] = data.acts[place];
  link(parent, name, { what: name, search: "" });
  if (note) text(parent, "span", ` ${note}`, "about");
}

function heading(place) {
  const tr = document.createElement("tr");
  tr.className = "act";
  const th = text(tr, "th", "");
  th.colSpan = 5;
  th.scope = "rowgroup";
  nameAct(th, place);
  return tr;
}

// Of one state the first column says what happens; of several, there is a heading for that, and it says in which.
function drawRow(row, masks, shownReleases, last) {
  const tr = document.createElement("tr");
  const states = statesOf(row, masks);
  const one = $("state").value !== "";
  const key = one ? "" : JSON.stringify(states);
  const td = text(tr, one ? "th" : "td", "", "in");
  if (one) {
    td.scope = "row";
    if (last === undefined) nameAct(td, row[0]);
  } else if (key !== last) {
    states.forEach((state, i) => {
      if (typeof state === "string") { td.append(state); return; }
      link(td, state[1], { state: state[0] });
      if (i < states.length - 1) td.append(", ");
    });
  }
  text(tr, "td", conditionsOf(row), "with").dataset.label = "with";
  text(tr, "td", releasesOf(row[4], shownReleases), "release");
  const says = text(tr, "td", "", "says");
  const [tokens, end] = data.outcomes[row[9]];
  for (const token of tokens) {
    const word = data.words[token];
    const kind = /^(error|return "Error)/.test(word) ? "reply error" : /^(return|cannot)/.test(word) ? "reply" : "event";
    text(says, "span", word, kind);
    says.append(" ");
  }
  if (!tokens.length) text(says, "span", "nothing", "reply");
  const then = text(tr, "td", "", "then");
  const ending = data.words[end];
  if (data.states.some(([, state]) => state === ending)) link(then, ending, { state: ending, search: "" });
  else text(then, "span", ending, ending.split(" ")[0]);
  return [tr, key];
}

function matches(row, words, masks) {
  if (!words.length) return true;
  const [tokens, end] = data.outcomes[row[9]];
  const states = data.states.filter((_, place) => inRow(row, place) && inShown(masks, place)).map((s) => s[0]);
  const all = [...data.acts[row[0]], ...tokens.map((t) => data.words[t]), data.words[end], ...states].join(" ").toLowerCase();
  return words.every((word) => all.includes(word));
}

function update() {
  const masks = { states: stateMasks() };
  for (const key of KEYS) masks[key] = $(key).value ? 1 << Number($(key).value) : FULL[key];
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const act = $("what").value ? data.acts.findIndex(([name]) => name === $("what").value) : -1;
  const groups = new Map();
  for (const row of data.rows) {
    if (act >= 0 && row[0] !== act) continue;
    const first = data.outcomes[row[9]][0][0];
    if (!$("impossible").checked && first !== undefined && data.words[first].startsWith(CANNOT) && act < 0) continue;
    const made = cut(row, masks);
    if (!made || !matches(made, words, masks)) continue;
    if (!groups.has(row[0])) groups.set(row[0], []);
    groups.get(row[0]).push(made);
  }
  const body = document.createDocumentFragment();
  let count = 0;
  for (const [place, rows] of groups) {
    if (!$("state").value) body.append(heading(place));
    let last;
    for (const row of merge(rows)) {
      const [tr, key] = drawRow(row, masks, masks.release, last);
      last = key;
      body.append(tr);
      count++;
    }
  }
  $("first").textContent = $("state").value ? "What happens" : "In state";
  $("rows").replaceChildren(body);
  $("count").textContent = `${count} ${count === 1 ? "row" : "rows"}`;
  $("none").hidden = count > 0;
  const state = data.states.find(([name]) => name === $("state").value);
  $("recipe").hidden = !state;
  if (state) $("recipe").textContent = `${state[1]}${state[2] ? ` (${state[2]})` : ""} is reached by: ${state[4]}`;
  remember();
}

const FIELDS = ["search", "what", "state", ...KEYS];

// The filters are in the address, so that a view can be sent to somebody.
function remember() {
  const set = new URLSearchParams();
  for (const id of FIELDS) {
    $(id).classList.toggle("set", Boolean($(id).value));
    if ($(id).value) set.set(id, id in VALUES ? VALUES[id][Number($(id).value)] : $(id).value);
  }
  for (const id of ["variants", "impossible"]) if ($(id).checked) set.set(id, "");
  history.replaceState(null, "", set.size ? `#${set}` : location.pathname + location.search);
}

function recall() {
  const set = new URLSearchParams(location.hash.slice(1));
  for (const id of FIELDS) {
    const value = set.get(id) ?? "";
    const place = id in VALUES ? VALUES[id].indexOf(value) : -1;
    $(id).value = id in VALUES ? (place < 0 ? "" : String(place)) : value;
  }
  for (const id of ["variants", "impossible"]) $(id).checked = set.has(id);
  update();
}

fill();
$("search").addEventListener("input", update);
$("filters").addEventListener("change", update);
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("filters").addEventListener("reset", () => setTimeout(update));
$("clear").addEventListener("click", () => $("filters").reset());
addEventListener("hashchange", recall);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    $("search").focus();
  }
});
if (location.hash) recall();
else {
  // In life the guest acts on a vCPU.
  $("thread").value = data.threads.length > 1 ? "0" : "";
  update();
}
