import { frame, watch, h, put, percent, empty } from "./format.js";

const WORD = { GREEN: "Green", VSC: "VSC", SC: "Safety car" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Pit window", "window");
  const draw = (data) => {
    if (!data?.cells?.length) {
      put(note, "");
      return body.replaceChildren(empty(data?.why ?? "the pit window of this car is being worked out"));
    }
    const laps = [...new Set(data.cells.map((c) => c.lap))];
    const rows = [...new Set(data.cells.map((c) => c.status))];
    const places = data.cells.map((c) => c.position);
    const [best, worst] = [Math.min(...places), Math.max(...places)];
    put(note, "place at the pit exit if we stop at the end of the lap" + (data.best ? ` · our plan stops on L${data.best[0]}${data.best[1] > data.best[0] ? `–${data.best[1]}` : ""}` : ""));
    const inside = (lap) => data.best && lap >= data.best[0] && lap <= data.best[1];
    const cell = (c) => {
      if (!c) return h("td");
      const share = worst > best ? (worst - c.position) / (worst - best) : 1;
      return h("td", { style: `--good:${(8 + 42 * share).toFixed(0)}%`, "data-best": inside(c.lap) ? "yes" : "no", title: `lap ${c.lap}, ${WORD[c.status]}: P${c.position} (${percent(c.probability)}), pit loss ${c.loss.toFixed(1)} s` },
        h("b", {}, `P${c.position}`), h("span", { class: "w-p" }, percent(c.probability)),
        h("span", { class: "w-ahead", "data-traffic": c.traffic }, c.ahead ? `${c.ahead} ${c.gap_ahead?.toFixed(1) ?? ""}` : "clear road"),
        h("span", { class: "w-behind" }, c.behind ? `${c.behind} ${c.gap_behind?.toFixed(1) ?? ""}` : "nobody"));
    };
    const head = h("thead", {}, h("tr", {}, h("th", {}, "Lap"),
      laps.map((lap) => h("th", { scope: "col", "data-best": inside(lap) ? "yes" : "no" }, String(lap)))));
    const line = (status) => h("tr", {},
      h("th", { scope: "row" }, WORD[status] ?? status, h("small", {}, `−${data.cells.find((c) => c.status === status).loss.toFixed(0)} s`)),
      laps.map((lap) => cell(data.cells.find((c) => c.lap === lap && c.status === status))));
    body.replaceChildren(h("table", { class: "w-table" }, head, h("tbody", {}, rows.map(line))));
    body.append(h("p", { class: "w-key" }, "In each cell: place and its probability; the car ahead and the car behind at the exit with their gaps in seconds."));
  };
  return watch(model, root, draw);
}

export default { render };
