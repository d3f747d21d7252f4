import { frame, watch, h, put, attr, lapTime, gap, percent, tyre, setTyre } from "./format.js";

const place = (r) => (r.status === "RETIRED" ? 1e9 - (r.lap ?? 0) : r.position ?? 1e6);
const behind = (r) => (r.status === "RETIRED" ? 1e9 - (r.lap ?? 0) : 1e5 * (r.laps_down ?? 0) + (r.gap ?? 0));
// Key, heading, what it says, and what a click on the heading sorts by (smallest first).
const COLUMNS = [
  ["position", "Pos", "position", place], ["change", "+/−", "places won since the grid", (r) => -(r.change ?? -99)], ["driver", "Driver", "driver", (r) => r.driver],
  ["gap", "Gap", "seconds to the leader", behind], ["interval", "Int", "seconds to the car ahead", (r) => r.interval ?? 1e9],
  ["last", "Last", "last lap", (r) => r.last ?? 1e9], ["best", "Best", "best lap of the race so far", (r) => r.best ?? 1e9],
  ["tyre", "Tyre", "compound and age in laps", (r) => -(r.age ?? -1)], ["stops", "St", "stops so far", (r) => r.stops ?? 99],
  ["net", "Net", "position after all remaining stops", (r) => r.net ?? 99], ["soon", "Pit ≤5", "chance of a stop within five laps", (r) => -(r.stop_soon ?? -1)],
];
// Timed: to the thousandth. Between two lines: worked out, to the tenth. Old (in the pits since, or late): grey, with its age.
// To the thousandth only where it was timed and is still so.
const seconds = (s, r) => (r.known === "timed" || s == null ? gap(s) : `+${s.toFixed(1)}`);
const THREAT = { high: "▲▲", medium: "▲", low: "△" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Timing", "tower");
  let sorted = null; // [column, direction]
  const pinned = new Set();
  let last = null, order = [], roving = null; // the row that Tab comes to: ours, until the arrows move the focus on
  const heads = COLUMNS.map(([key, text, hint]) => h("button", { type: "button", class: `t-${key}`, role: "columnheader", "aria-sort": "none", title: `${hint}; click to sort`, onclick: () => sort(key) }, text));
  const header = h("div", { class: "t-row t-header", role: "row" }, h("span", { class: "t-pin", role: "columnheader", "aria-label": "pinned" }), heads, h("span", { class: "t-threat", role: "columnheader", "aria-label": "threat" }));
  const list = h("div", { class: "t-list", role: "rowgroup" });
  const grid = h("div", { class: "t-grid", role: "grid", "aria-label": "Timing tower" }, h("div", { role: "rowgroup" }, header), list);
  body.append(grid);
  const rows = new Map();

  const sort = (key) => {
    sorted = sorted?.[0] !== key ? [key, 1] : sorted[1] === 1 ? [key, -1] : null;
    COLUMNS.forEach(([k], i) => attr(heads[i], "aria-sort", sorted?.[0] === k ? (sorted[1] === 1 ? "ascending" : "descending") : "none"));
    draw(last);
  };
  const pin = (id) => {
    if (!pinned.delete(id)) pinned.add(id);
    draw(last);
  };
  const ordered = (all) => {
    const by = sorted && COLUMNS.find(([k]) => k === sorted[0])[3];
    const index = new Map(all.map((r, i) => [r.id, i]));
    const order = (a, b) => {
      const [x, y] = by ? [by(a), by(b)] : [0, 0];
      return (x < y ? -1 : x > y ? 1 : 0) * (sorted?.[1] ?? 1) || index.get(a.id) - index.get(b.id);
    };
    return [...all].sort((a, b) => pinned.has(b.id) - pinned.has(a.id) || order(a, b));
  };

  const rove = (id) => {
    roving = id;
    for (const [car, { node }] of rows) attr(node, "tabindex", car === (roving ?? last?.car) ? "0" : "-1");
  };
  const make = (id) => {
    const cells = Object.fromEntries(COLUMNS.map(([key]) => [key, h("span", { class: `t-${key}`, role: "gridcell" })]));
    const badge = tyre(null, null);
    cells.tyre.append(badge);
    cells.gap.append(h("span"), h("small"));
    const name = h("b");
    cells.driver.append(name, h("small", {}, id));
    const choose = () => model.send({ choose: id });
    const pinner = h("button", { type: "button", class: "t-pin", tabindex: "-1", onclick: (e) => { e.stopPropagation(); pin(id); } });
    const threat = h("span", { class: "t-threat", role: "gridcell" });
    const keys = (e) => {
      const to = { ArrowDown: 1, ArrowUp: -1, Home: -order.length, End: order.length }[e.key];
      if (e.key === "Enter") choose();
      else if (e.key === "p") pin(id);
      else if (to) rows.get(order[Math.min(Math.max(order.indexOf(id) + to, 0), order.length - 1)])?.node.focus();
      else return;
      e.preventDefault();
      e.stopPropagation();
    };
    const node = h("div", { class: "t-row", role: "row", "data-car": id, tabindex: "-1", onclick: choose, onkeydown: keys, onfocus: () => rove(id), onblur: () => rove(null) }, h("span", { role: "gridcell", class: "t-pin" }, pinner), Object.values(cells), threat);
    list.append(node);
    return { node, cells, badge, name, pinner, threat };
  };

  const draw = (data) => {
    last = data;
    const all = data?.rows ?? [];
    const shown = ordered(all);
    order = shown.map((r) => r.id);
    const size = parseFloat(getComputedStyle(root).fontSize);
    const stuck = shown.filter((r) => pinned.has(r.id)).length;
    const space = stuck && stuck < shown.length ? 0.5 * size : 0;
    const height = Math.min((list.clientHeight - space) / Math.max(shown.length, 1), 2.9 * size);
    for (const [id, row] of rows) if (!shown.some((r) => r.id === id)) { row.node.remove(); rows.delete(id); }
    shown.forEach((r, i) => {
      if (!rows.has(r.id)) rows.set(r.id, make(r.id));
      const { node, cells, badge, name, pinner, threat } = rows.get(r.id);
      const out = r.status === "RETIRED";
      node.style.height = `${height}px`;
      // At once, never sliding: between two places a row would stand where another position than its own is read.
      node.style.transform = `translateY(${(i * height + (i >= stuck ? space : 0)).toFixed(1)}px)`;
      attr(node, "aria-rowindex", i + 2);
      attr(node, "aria-selected", r.id === data.car ? "true" : "false");
      attr(node, "tabindex", r.id === (roving ?? data.car) ? "0" : "-1");
      attr(node, "data-status", r.status);
      attr(node, "data-role", r.role);
      attr(node, "data-lapped", r.laps_down > 0 && !out ? "yes" : null);
      attr(node, "data-pinned", pinned.has(r.id) ? "yes" : null);
      put(pinner, pinned.has(r.id) ? "●" : "○");
      attr(pinner, "aria-pressed", pinned.has(r.id) ? "true" : "false");
      attr(pinner, "aria-label", `${pinned.has(r.id) ? "unpin" : "pin"} ${r.driver}`);
      put(cells.position, out ? "" : String(r.position ?? ""));
      attr(cells.position, "data-old", r.place_age == null ? null : "yes");
      attr(cells.position, "title", r.place_age == null ? null : `P${r.position} at the line ${r.place_age} s ago, before the stop`);
      put(cells.change, !r.change || out ? (out ? "" : "·") : `${r.change > 0 ? "▲" : "▼"}${Math.abs(r.change)}`);
      attr(cells.change, "data-sign", !r.change || out ? 0 : Math.sign(r.change));
      put(name, r.driver);
      const leader = r === all[0] && !out;
      const late = out ? `out L${r.lap ?? "?"}` : r.status === "FINISHED" && leader ? "winner" : leader ? "leader" : r.laps_down ? gap(r.gap, r.laps_down) : seconds(r.gap, r);
      const old = !out && !leader && (r.known === "pit" || r.known === "late") && r.gap != null;
      put(cells.gap.firstChild, late);
      put(cells.gap.lastChild, old && r.gap_age != null && !r.laps_down ? `${r.gap_age} s` : "");
      attr(cells.gap, "data-known", out || leader ? null : r.known);
      attr(cells.gap, "title", old ? `as timed at the line${r.gap_age == null ? "" : ` ${r.gap_age} s ago`}; ${r.known === "pit" ? "it has been in the pits since" : "it is late"}` : r.known === "between" && !leader ? "worked out between two crossings of the line" : null);
      put(cells.interval, out ? "" : r.status === "PIT" ? "IN PIT" : leader ? "" : old ? { pit: "out lap", late: "late" }[r.known] : seconds(r.interval, r));
      put(cells.last, out ? "" : lapTime(r.last));
      attr(cells.last, "data-best", r.fastest ? "race" : r.own_best ? "own" : null);
      put(cells.best, lapTime(r.best));
      setTyre(badge, r.compound, r.age);
      put(cells.stops, r.stops == null ? "" : String(r.stops));
      put(cells.net, r.net == null ? "" : String(r.net));
      put(cells.soon, r.stop_soon == null ? "" : percent(r.stop_soon));
      cells.soon.style.setProperty("--p", r.stop_soon ?? 0);
      const [level, p] = r.threat ?? [null, null];
      put(threat, THREAT[level] ?? "");
      attr(threat, "data-level", level);
      attr(threat, "title", level && `${r.driver} ends ahead of us with ${percent(p)}: ${level} threat`);
      attr(threat, "aria-label", level && `${level} threat, ${percent(p)}`);
    });
    attr(grid, "data-net", shown.some((r) => r.net != null) ? "yes" : "no");
    attr(grid, "data-soon", shown.some((r) => r.stop_soon != null) ? "yes" : "no");
    attr(grid, "aria-rowcount", shown.length + 1);
    const out = shown.filter((r) => r.status === "RETIRED").length;
    const home = shown.filter((r) => r.status === "FINISHED").length, running = shown.length - out - home;
    put(note, !shown.length ? "waiting for cars" : (sorted ? `sorted by ${COLUMNS.find(([k]) => k === sorted[0])[1].toLowerCase()} · ` : "") + [running && `${running} running`, home && `${home} home`, out && `${out} out`].filter(Boolean).join(", ") + (shown.some((r) => r.threat) ? " · ▲ threat to us" : ""));
  };
  return watch(model, root, draw);
}

export default { render };
