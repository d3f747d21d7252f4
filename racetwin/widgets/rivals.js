import { frame, watch, h, put, percent, signed, tyre, empty } from "./format.js";

const MOVE = { pace: "on pace", undercut: "by undercut", overcut: "by overcut", stops: "by fewer stops" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Rivals", "rivals");
  const part = (title, ...content) => h("section", { class: "v-part" }, h("h4", {}, title), content);
  const bar = (p) => h("span", { class: "v-bar", style: `--p:${p}` }, h("b", {}, percent(p)));

  const chance = (c) => {
    if (c.kind === "gap_to_drop_into") return `A gap to drop into: ${c.places_lost} place${c.places_lost === 1 ? "" : "s"} lost, ` + (c.gap_ahead_s == null ? "clear road ahead" : `${c.gap_ahead_s.toFixed(1)} s to the car ahead`) + (c.gap_behind_s == null ? ", nobody behind" : `, ${c.gap_behind_s.toFixed(1)} s to the one behind`);
    const what = { overcut: "Overcut", undercut: "Undercut" }[c.kind] ?? c.kind.replaceAll("_", " ");
    return `${what}${c.rival ? ` ${c.rival}` : ""}` + (c.probability != null ? `: ${percent(c.probability)}` : "") + (c.gain_s != null ? `, ${signed(c.gain_s, 1)} s` : "") + (c.points ? `, worth ${c.points.toFixed(1)} pts` : "");
  };

  const draw = (data) => {
    if (!data?.stops?.length) return body.replaceChildren(empty("the rivals are not known yet"));
    put(note, `as ${data.driver} has to see it, lap ${data.lap}`);
    const threats = data.threats.length
      ? data.threats.map((t) => h("div", { class: "v-threat", "data-level": t.level }, h("b", {}, t.rival), bar(t.probability), h("span", {}, `ends ahead of us, ${MOVE[t.move] ?? t.move}`)))
      : [h("p", { class: "v-none" }, "nobody behind is likely to end ahead of us")];
    const chances = data.chances.length ? data.chances.map((c) => h("p", {}, chance(c))) : [h("p", { class: "v-none" }, "nothing on offer now")];
    const duels = data.duels.length
      ? [h("table", {}, h("thead", {}, h("tr", {}, ["", "Gap", "Undercut", "", "Overcut", ""].map((t) => h("th", {}, t)))),
          h("tbody", {}, data.duels.map((d) => h("tr", { "data-ours": d.car_id === data.car },
            h("td", {}, d.car_id === data.car ? `we attack ${d.target}` : `${d.attacker} attacks us`), h("td", {}, `${d.gap_s.toFixed(1)} s`),
            h("td", {}, bar(d.undercut_probability)), h("td", {}, `${signed(d.undercut_gain_s, 1)} s`), h("td", {}, bar(d.overcut_probability)), h("td", {}, `${signed(d.overcut_gain_s, 1)} s`)))))]
      : [h("p", { class: "v-none" }, "no car within reach of a stop")];

    // Stop probabilities: one row a car, one column a lap, darker where a stop is likelier.
    const laps = Array.from({ length: Math.min(data.laps, Math.max(0, (data.total_laps ?? 999) - data.lap)) }, (_, i) => data.lap + i);
    const top = Math.max(0.12, ...data.stops.flatMap((s) => laps.map((l) => s.by_lap[l] ?? 0)));
    const strip = h("div", { class: "v-strip", style: `--n:${laps.length}` },
      h("span"), h("span"), laps.map((l) => h("span", { class: "v-lap" }, l % 2 === data.lap % 2 ? String(l) : "")), h("span"),
      data.stops.flatMap((s) => [
        h("b", { "data-ours": s.car === data.car }, `${s.position ?? ""} ${s.driver}`), tyre(s.compound, s.age),
        ...laps.map((l) => h("i", { style: `--p:${((s.by_lap[l] ?? 0) / top).toFixed(3)}`, title: `${s.driver} stops on lap ${l}: ${percent(s.by_lap[l] ?? 0)}` })),
        h("span", { class: "v-next" }, s.next.map((n) => `L${n.lap} ${n.compound[0]}`).join(", ") || "no stop")]));
    body.replaceChildren(h("div", { class: "v-grid" },
      part(`Who may end ahead of ${data.driver}`, threats), part("What is on offer", chances), part("Undercut and overcut", duels), part("When they stop (likeliest stops on the right)", strip)));
  };
  return watch(model, root, draw);
}

export default { render };
