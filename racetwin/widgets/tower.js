import { frame, watch, h, put, attr, lapTime, gap, percent, tyre, setTyre } from "./format.js";

const COLUMNS = [
  ["position", "Pos", "position"], ["change", "", "places won since the grid"], ["driver", "Driver", "driver"],
  ["gap", "Gap", "seconds to the leader"], ["interval", "Int", "seconds to the car ahead"], ["last", "Last", "last lap"],
  ["tyre", "Tyre", "compound and age in laps"], ["stops", "St", "stops so far"],
  ["net", "Net", "position after all remaining stops"], ["soon", "Soon", "chance of a stop within five laps"],
];

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Timing", "tower");
  const header = h("div", { class: "t-row t-header", role: "row" },
    COLUMNS.map(([key, text, hint]) => h("span", { class: `t-${key}`, role: "columnheader", title: hint }, text)));
  const list = h("div", { class: "t-list", role: "rowgroup" });
  const grid = h("div", { class: "t-grid", role: "grid", "aria-label": "Timing tower" }, h("div", { role: "rowgroup" }, header), list);
  body.append(grid);
  const rows = new Map();

  const make = (id) => {
    const cells = Object.fromEntries(COLUMNS.map(([key]) => [key, h("span", { class: `t-${key}`, role: "gridcell" })]));
    const badge = tyre(null, null);
    cells.tyre.append(badge);
    const name = h("b");
    const number = h("small", {}, id);
    cells.driver.append(name, number);
    const choose = () => model.send({ choose: id });
    const node = h("div", { class: "t-row", role: "row", "data-car": id, tabindex: "-1", onclick: choose, onkeydown: (e) => { if (e.key === "Enter" || e.key === " ") { choose(); e.preventDefault(); } } },
      Object.values(cells));
    list.append(node);
    return { node, cells, badge, name };
  };

  const draw = (data) => {
    const shown = data?.rows ?? [];
    const height = Math.min(list.clientHeight / Math.max(shown.length, 1), 2.9 * parseFloat(getComputedStyle(root).fontSize));
    for (const [id, row] of rows) if (!shown.some((r) => r.id === id)) { row.node.remove(); rows.delete(id); }
    shown.forEach((r, i) => {
      if (!rows.has(r.id)) rows.set(r.id, make(r.id));
      const { node, cells, badge, name } = rows.get(r.id);
      const out = r.status === "RETIRED";
      node.style.height = `${height}px`;
      node.style.transform = `translateY(${(i * height).toFixed(1)}px)`;
      attr(node, "aria-rowindex", i + 2);
      attr(node, "aria-selected", r.id === data.car ? "true" : "false");
      attr(node, "tabindex", r.id === data.car ? "0" : "-1");
      attr(node, "data-status", r.status);
      attr(node, "data-role", r.role);
      put(cells.position, out ? "" : String(r.position ?? ""));
      put(cells.change, !r.change || out ? (out ? "" : "·") : `${r.change > 0 ? "▲" : "▼"}${Math.abs(r.change)}`);
      attr(cells.change, "data-sign", !r.change || out ? 0 : Math.sign(r.change));
      put(name, r.driver);
      const leader = i === 0 && !out;
      const late = out ? `out L${r.lap ?? "?"}` : r.status === "FINISHED" && leader ? "winner" : leader ? "leader" : gap(r.gap, r.laps_down);
      put(cells.gap, late);
      put(cells.interval, out ? "" : r.status === "PIT" ? "PIT" : leader ? "" : gap(r.interval));
      put(cells.last, out ? "" : lapTime(r.last));
      attr(cells.last, "data-best", r.fastest ? "race" : r.own_best ? "own" : null);
      setTyre(badge, r.compound, r.age);
      put(cells.stops, r.stops == null ? "" : String(r.stops));
      put(cells.net, r.net == null ? "" : String(r.net));
      put(cells.soon, r.stop_soon == null ? "" : percent(r.stop_soon));
      cells.soon.style.setProperty("--p", r.stop_soon ?? 0);
    });
    attr(grid, "data-net", shown.some((r) => r.net != null) ? "yes" : "no");
    attr(grid, "data-soon", shown.some((r) => r.stop_soon != null) ? "yes" : "no");
    attr(grid, "aria-rowcount", shown.length + 1);
    const out = shown.filter((r) => r.status === "RETIRED").length;
    put(note, shown.length ? `${shown.length - out} running${out ? `, ${out} out` : ""}` : "waiting for cars");
  };
  return watch(model, root, draw);
}

export default { render };
