import { frame, watch, h, put, percent, empty } from "./format.js";

const WORD = { GREEN: "Green", VSC: "VSC", SC: "Safety car" };

const NEXT = 3;

/** The laps that there is room for: all, or the next ones and those of our window, our stop among them, thinned out if it must be. */
function chosen(laps, best, stop, room) {
  if (laps.length <= room) return laps;
  const later = laps.slice(NEXT), ours = best ? later.filter((l) => l >= best[0] && l <= best[1]) : [];
  const some = Math.min(ours.length, room - NEXT);
  const kept = Array.from({ length: some }, (_, i) => ours[some > 1 ? Math.round((i * (ours.length - 1)) / (some - 1)) : 0]);
  if (ours.includes(stop) && !kept.includes(stop)) {
    const off = kept.map((l) => Math.abs(l - stop));
    kept[off.indexOf(Math.min(...off))] = stop;
  }
  const next = laps.filter((l) => !ours.includes(l)).slice(0, room - some);
  return [...next, ...kept].sort((a, b) => a - b);
}

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Pit window", "window");
  const columns = () => {
    const size = parseFloat(getComputedStyle(root).fontSize);
    return Math.min(12, Math.max(6, Math.floor((body.clientWidth / size - 6) / 5.7)));
  };
  const draw = (data) => {
    if (!data?.cells?.length) {
      put(note, "");
      return body.replaceChildren(empty(data?.why ?? "the pit window of this car is being worked out"));
    }
    const laps = chosen([...new Set(data.cells.map((c) => c.lap))], data.best, data.stop, columns());
    const beyond = data.best && laps.length && data.best[1] > laps.at(-1);
    const rows = [...new Set(data.cells.map((c) => c.status))];
    const places = data.cells.map((c) => c.position);
    const [best, worst] = [Math.min(...places), Math.max(...places)];
    put(note, "place after the out-lap of a stop at the end of the lap" + (data.stop ? ` · our stop L${data.stop}` : "") + (data.best?.[1] > data.best?.[0] ? `, as good L${data.best[0]}–${data.best[1]}` : "") + (beyond ? ", further on than shown" : ""));
    const inside = (lap) => data.best && lap >= data.best[0] && lap <= data.best[1];
    const cell = (c) => {
      if (!c) return h("td");
      const share = worst > best ? (worst - c.position) / (worst - best) : 1;
      return h("td", { style: `--good:${(8 + 42 * share).toFixed(0)}%`, "data-best": inside(c.lap) ? "yes" : "no", title: `lap ${c.lap}, ${WORD[c.status]}: P${c.position} (${percent(c.probability)}), pit loss ${c.loss.toFixed(1)} s` },
        h("b", {}, `P${c.position}`), h("span", { class: "w-p" }, percent(c.probability)),
        h("span", { class: "w-ahead", "data-traffic": c.traffic }, c.ahead ? `${c.ahead} ${c.gap_ahead?.toFixed(1) ?? ""}` : "clear road"),
        h("span", { class: "w-behind" }, c.behind ? `${c.behind} ${c.gap_behind?.toFixed(1) ?? ""}` : "nobody"));
    };
    // Where laps are left out between the next ones and our window, a narrow column says so.
    const spaced = (draw) => laps.flatMap((lap, i) => (i && lap > laps[i - 1] + 1 && !(inside(laps[i - 1]) && inside(lap)) ? [h("td", { class: "w-gap", title: `laps ${laps[i - 1] + 1} to ${lap - 1} are left out` }, "…"), draw(lap)] : [draw(lap)]));
    const head = h("thead", {}, h("tr", {}, h("th", {}, "Lap"),
      spaced((lap) => h("th", { scope: "col", "data-best": inside(lap) ? "yes" : "no", "data-stop": lap === data.stop ? "yes" : null }, lap === data.stop ? `▸ ${lap}` : String(lap)))));
    const line = (status) => h("tr", {},
      h("th", { scope: "row" }, WORD[status] ?? status, h("small", {}, `−${data.cells.find((c) => c.status === status).loss.toFixed(0)} s`)),
      spaced((lap) => cell(data.cells.find((c) => c.lap === lap && c.status === status))));
    body.replaceChildren(h("table", { class: "w-table" }, head, h("tbody", {}, rows.map(line))));
    body.append(h("p", { class: "w-key" }, "In each cell: place and its probability; the car ahead and the car behind then, with their gaps in seconds. Rivals may stop too."));
  };
  return watch(model, root, draw);
}

export default { render };
