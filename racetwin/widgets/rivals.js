import { frame, watch, h, put, percent, signed, tyre, empty } from "./format.js";

const MOVE = { pace: "on pace", undercut: "by undercut", overcut: "by overcut", stops: "once all have stopped", "safety car": "after a safety car" };

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Rivals", "rivals");
  body.classList.add("rt-scroll");
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
      ? [h("table", {}, h("thead", {},
            h("tr", {}, h("th", { rowspan: 2 }), h("th", { rowspan: 2, scope: "col" }, "Gap"), [["Undercut", "works: as undercuts answered within three laps have come out; gains: by the race model"], ["Overcut", "by the race model alone, not scored"]].map(([t, hint]) => h("th", { colspan: 3, scope: "colgroup", title: hint }, t))),
            h("tr", {}, ["works", "gains", "worth", "works", "gains", "worth"].map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}, data.duels.map((d) => h("tr", { "data-ours": d.car_id === data.car },
            h("th", { scope: "row" }, d.car_id === data.car ? `we on ${d.target}` : `${d.attacker} on us`), h("td", {}, `${d.gap_s.toFixed(1)} s`),
            ["undercut", "overcut"].map((m) => [h("td", {}, bar(d[`${m}_probability`])), h("td", {}, `${signed(d[`${m}_gain_s`], 1)} s`), h("td", {}, `${d[`${m}_points`].toFixed(1)} pts`)])))))]
      : [h("p", { class: "v-none" }, "no car within reach of a stop")];

    // Stop probabilities: one row a car, one column a lap, darker where a stop is likelier.
    const laps = Array.from({ length: Math.min(data.laps, Math.max(0, (data.total_laps ?? 999) - data.lap)) }, (_, i) => data.lap + i);
    const top = Math.max(0.12, ...data.stops.flatMap((s) => laps.map((l) => s.by_lap[l] ?? 0)));
    const strip = h("div", { class: "v-strip", style: `--n:${laps.length}` },
      h("span"), h("span"), laps.map((l) => h("span", { class: "v-lap" }, l % 2 === data.lap % 2 ? String(l) : "")), h("span"),
      data.stops.flatMap((s) => [
        h("b", { "data-ours": s.car === data.car }, `${s.position ?? ""} ${s.driver}`), tyre(s.compound, s.age),
        ...laps.map((l) => h("i", { "data-lap": l, "data-next": s.next[0]?.lap === l ? "yes" : null, style: `--p:${((s.by_lap[l] ?? 0) / top).toFixed(3)}`, title: `${s.driver} stops on lap ${l}: ${percent(s.by_lap[l] ?? 0)}` })),
        h("span", { class: "v-next" }, (s.car === data.car && data.ours ? "our plan: " : "") + (s.next.map((n) => `L${n.lap} ${n.compound[0]}`).join(", ") || "no stop"))]));
    const read = h("p", { class: "v-read" }, `Brighter is likelier. Outlined, and on the right: the middle of the laps on which the next stop falls, which need not be the likeliest.` + (data.ours ? ` ${data.driver}'s row is as bright as rivals have to expect of us; our plan is outlined.` : ""));
    // Habits learnt in this race, shrunk to the field's: 1.00 is as everybody.
    const factor = (log) => `${Math.exp(log).toFixed(2)}×`;
    const profiled = data.stops.filter((s) => s.profile);
    const habits = profiled.length
      ? h("table", { class: "v-habits" }, h("thead", {}, h("tr", {}, [["", ""], ["Stops", "readiness to stop against the field's"], ["Covers", "readiness to answer a rival's stop"], ["Undercuts", "share of laps close behind a rival that end in a stop"], ["Defends", "attacked laps after which the place was kept"], ["Wear", "against the compound's, s a lap"]].map(([t, hint]) => h("th", { scope: "col", title: hint }, t)))),
          h("tbody", {}, profiled.map((s) => h("tr", { "data-ours": s.car === data.car }, h("th", { scope: "row" }, s.driver), h("td", {}, factor(s.profile.stop_bias)), h("td", {}, factor(s.profile.cover_bias)), h("td", {}, percent(s.profile.undercut_tendency)), h("td", {}, percent(s.profile.defence)), h("td", {}, s.profile.tyre_management_s == null ? "–" : signed(s.profile.tyre_management_s, 3))))))
      : h("p", { class: "v-none" }, "nothing learnt of them yet");
    body.replaceChildren(h("div", { class: "v-grid" },
      part(`Who may end ahead of ${data.driver}`, threats), part("What is on offer", chances), part("Undercut and overcut", duels), h("section", { class: "v-part v-right" }, h("h4", {}, "Habits (1.00× is as the field)"), habits), part("When they stop", strip, read)));
  };
  return watch(model, root, draw);
}

export default { render };
